/** OpenAPI 3.1, generated from the table of routes and the schemas of the answers. */
import { z } from 'zod';
import { ERRORS } from '../errors';
import { PARAMETERS, type ParameterName } from './parameters';
import { ROUTES, type Route } from './routes';
import * as schemas from './schemas';

/** Paths that answer something else than the JSON routes do. */
export const OTHER_PATHS = [
  {
    path: '/v1/events',
    id: 'events',
    summary:
      'Server-sent events: `redelivery` with a Redelivery as data, the change as id on the last of it; `incident` with an Incident',
    query: ['group', 'topic', 'after'],
    type: 'text/event-stream',
    schemaName: null,
  },
  {
    path: '/metrics',
    id: 'metrics',
    summary: 'Prometheus metrics; OpenMetrics when asked for',
    query: [],
    type: 'text/plain',
    schemaName: null,
  },
  {
    path: '/healthz',
    id: 'healthz',
    summary: 'Alive',
    query: [],
    type: 'application/json',
    schemaName: 'Health',
  },
  {
    path: '/readyz',
    id: 'readyz',
    summary:
      'Ready: the store can be read, and lag was read once where brokers are configured; 503 otherwise',
    query: [],
    type: 'application/json',
    schemaName: 'Health',
  },
  {
    path: '/openapi.json',
    id: 'openapi',
    summary: 'This description',
    query: [],
    type: 'application/json',
    schemaName: null,
  },
  { path: '/', id: 'index', summary: 'The page', query: [], type: 'text/html', schemaName: null },
  {
    path: '/assets/{name}',
    id: 'asset',
    summary: 'Scripts and styles of the page',
    query: [],
    type: '*/*',
    schemaName: null,
  },
  {
    path: '/docs/{name}',
    id: 'doc',
    summary: 'Documentation, as text: service.md and others',
    query: [],
    type: 'text/plain',
    schemaName: null,
  },
  {
    path: '/docs/alerts/{name}',
    id: 'alertDoc',
    summary: 'What an alert means and what to do about it: rewind.md and others',
    query: [],
    type: 'text/plain',
    schemaName: null,
  },
] as const;

/** Paths that take something: POST, with JSON there and back. */
export const POST_PATHS = [
  {
    path: '/v1/reports',
    id: 'report',
    summary: 'POST: evidence of instrumented processes on other hosts; gzip, may be sent again',
    body: schemas.ReportBody,
    schemaName: 'ReportTaken',
  },
  {
    path: '/v1/past',
    id: 'past',
    summary: 'POST: what a new owner of a partition asks: what was delivered of it before',
    body: schemas.PastBody,
    schemaName: 'PartitionPast',
  },
] as const;

const NAMED = {
  Summary: schemas.Summary,
  Group: schemas.Group,
  GroupDetail: schemas.GroupDetail,
  Redelivery: schemas.Redelivery,
  Duplicate: schemas.Duplicate,
  Hit: schemas.Hit,
  Producer: schemas.Producer,
  Identity: schemas.Identity,
  ObservedTopic: schemas.ObservedTopic,
  SequenceAnomaly: schemas.SequenceAnomaly,
  Rewind: schemas.Rewind,
  Incident: schemas.Incident,
  IncidentDetail: schemas.IncidentDetail,
  PrematureCommit: schemas.PrematureCommit,
  Skip: schemas.Skip,
  StalledCommit: schemas.StalledCommit,
  RecordHistory: schemas.RecordHistory,
  SeriesPoint: schemas.SeriesPoint,
  Totals: schemas.Totals,
  GroupTimeline: schemas.GroupTimeline,
  Session: schemas.Session,
  PartitionPositions: schemas.PartitionPositions,
  Status: schemas.Status,
  ReportTaken: schemas.ReportTaken,
  PartitionPast: schemas.PartitionPast,
  Health: schemas.Health,
  Problem: schemas.Problem,
} as const;

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });

export function openApi(version: string): object {
  const paths = [
    ...ROUTES.map((route) => [route.path, { get: operationOf(route) }] as const),
    ...OTHER_PATHS.map((other) => [other.path, { get: otherOperation(other) }] as const),
    ...POST_PATHS.map((post) => [post.path, { post: postOperation(post) }] as const),
  ];
  return {
    openapi: '3.1.0',
    info: {
      title: 'Dupescope',
      version,
      description: 'Which Kafka records were delivered more than once, to whom and when.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{}, { token: [] }],
    paths: Object.fromEntries(paths),
    components: {
      schemas: componentSchemas(),
      responses: { Problem: problemResponse() },
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
  };
}

function operationOf(route: Route): object {
  const content =
    route.kind === 'object'
      ? { 'application/json': { schema: ref(route.schemaName) } }
      : {
          'application/json': { schema: pageSchema(route.schemaName) },
          'application/x-ndjson': { schema: ref(route.schemaName) },
          'text/csv': { schema: { type: 'string' } },
        };
  return {
    operationId: route.id,
    summary: route.summary,
    parameters: [
      ...route.pathParameters.map(({ name, description, type }) => ({
        name,
        in: 'path',
        required: true,
        description,
        schema: type === 'integer' ? { type, minimum: 0 } : { type },
      })),
      ...route.query.map(queryParameter),
    ],
    responses: {
      200: {
        description: route.summary,
        ...(route.kind === 'list'
          ? { headers: { Link: { description: 'The next page, rel="next"', schema: { type: 'string' } } } }
          : {}),
        content,
      },
      default: { $ref: '#/components/responses/Problem' },
    },
  };
}

function otherOperation(other: (typeof OTHER_PATHS)[number]): object {
  const schema = other.schemaName === null ? {} : { schema: ref(other.schemaName) };
  return {
    operationId: other.id,
    summary: other.summary,
    parameters: other.query.map(queryParameter),
    responses: {
      200: { description: other.summary, content: { [other.type]: schema } },
      ...(other.id === 'readyz'
        ? { 503: { description: 'Not ready', content: { [other.type]: schema } } }
        : {}),
      default: { $ref: '#/components/responses/Problem' },
    },
  };
}

function postOperation(post: (typeof POST_PATHS)[number]): object {
  const { $schema: _, ...body } = z.toJSONSchema(post.body, { io: 'input' });
  return {
    operationId: post.id,
    summary: post.summary,
    requestBody: { required: true, content: { 'application/json': { schema: body } } },
    responses: {
      200: { description: post.summary, content: { 'application/json': { schema: ref(post.schemaName) } } },
      default: { $ref: '#/components/responses/Problem' },
    },
  };
}

function queryParameter(name: ParameterName): object {
  const { description, json } = PARAMETERS[name];
  return { name, in: 'query', required: false, description, schema: json };
}

function pageSchema(item: string): object {
  return {
    type: 'object',
    properties: {
      items: { type: 'array', items: ref(item) },
      next_cursor: { type: ['string', 'null'] },
    },
    required: ['items', 'next_cursor'],
    additionalProperties: false,
  };
}

function problemResponse(): object {
  const codes = Object.entries(ERRORS).map(([code, { status }]) => `${code} (${status})`);
  return {
    description: `A problem; its code is one of ${codes.join(', ')}`,
    content: { 'application/problem+json': { schema: ref('Problem') } },
  };
}

function componentSchemas(): object {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(NAMED)) registry.add(schema, { id });
  const made = z.toJSONSchema(registry, { uri: (id) => `#/components/schemas/${id}` });
  const plain = Object.entries(made.schemas).map(([id, { $id: _id, $schema: _schema, ...schema }]) => [
    id,
    schema,
  ]);
  return Object.fromEntries(plain);
}
