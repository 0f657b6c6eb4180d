/**
 * The JSON routes as data: path, parameters, the schema of the answer, and the function that answers. The app and
 * /openapi.json are both made from this table; a test compares them.
 */
import type { z } from 'zod';
import type { Store } from '../store/open';
import {
  type AnswerContext,
  duplicatesAnswer,
  groupAnswer,
  groupsAnswer,
  hitsAnswer,
  identityAnswer,
  incidentAnswer,
  incidentsAnswer,
  positionsAnswer,
  prematuresAnswer,
  producersAnswer,
  recordAnswer,
  redeliveriesAnswer,
  rewindsAnswer,
  sequenceAnomaliesAnswer,
  sessionsAnswer,
  skipsAnswer,
  stalledAnswer,
  statusAnswer,
  summaryAnswer,
  timelineAnswer,
  timeseriesAnswer,
  topicsAnswer,
  totalsAnswer,
} from './answers';
import { type ParameterName, type Query, readPathNumber, readQuery } from './parameters';
import {
  Duplicate,
  Group,
  GroupDetail,
  GroupTimeline,
  Hit,
  Identity,
  Incident,
  IncidentDetail,
  ObservedTopic,
  type Page,
  PartitionPositions,
  PrematureCommit,
  Producer,
  RecordHistory,
  Redelivery,
  Rewind,
  SequenceAnomaly,
  SeriesPoint,
  Session,
  Skip,
  StalledCommit,
  Status,
  Summary,
  Totals,
} from './schemas';
import { timeOf } from './time';

/** A part of a path in braces. */
export interface PathParameter {
  name: string;
  description: string;
  type: 'string' | 'integer';
}

interface RouteFacts {
  /** As OpenAPI writes it: `/v1/groups/{group}`. */
  path: string;
  id: string;
  summary: string;
  pathParameters: readonly PathParameter[];
  query: readonly ParameterName[];
  /** The answer; of a list: one item. */
  schema: z.ZodObject;
  schemaName: string;
}

type Answering = (db: Store) => object;

/** Reads its parameters when called, and its answer from the store when that is there. */
export interface PlainRoute extends RouteFacts {
  kind: 'object';
  answer(call: RouteCall): Answering | Promise<Answering>;
}

export interface ListRoute extends RouteFacts {
  kind: 'list';
  answer(call: RouteCall): (db: Store) => Page<object>;
}

export type Route = PlainRoute | ListRoute;

export interface RouteCall {
  /** Decoded parts of the path. */
  path: ReadonlyMap<string, string>;
  query: URLSearchParams;
  context: AnswerContext;
}

/** Keeps the types of the parameters between their list and their use. */
function list<N extends ParameterName>(
  facts: Omit<RouteFacts, 'pathParameters' | 'query'> & {
    query: readonly N[];
    pathParameters?: readonly PathParameter[];
  },
  answer: (
    db: Store,
    query: Query<N>,
    context: AnswerContext,
    path: (name: string) => string,
  ) => Page<object>,
): ListRoute {
  return {
    ...facts,
    kind: 'list',
    pathParameters: facts.pathParameters ?? [],
    query: [...facts.query, 'format'],
    answer({ path, query, context }) {
      const asked = new URLSearchParams(query);
      asked.delete('format');
      const read = readQuery(facts.query, asked);
      return (db) => answer(db, read, context, (name) => path.get(name) ?? '');
    },
  };
}

function object<N extends ParameterName>(
  facts: Omit<RouteFacts, 'pathParameters' | 'query'> & {
    query: readonly N[];
    pathParameters?: readonly PathParameter[];
  },
  answer: (db: Store, query: Query<N>, context: AnswerContext, path: (name: string) => string) => object,
): PlainRoute {
  return {
    ...facts,
    kind: 'object',
    pathParameters: facts.pathParameters ?? [],
    answer({ path, query, context }) {
      const read = readQuery(facts.query, query);
      return (db) => answer(db, read, context, (name) => path.get(name) ?? '');
    },
  };
}

const HIT_QUERY = ['cluster', 'group', 'topic', 'partition', 'since', 'until', 'limit', 'cursor'] as const;
const LOSS_QUERY = [...HIT_QUERY, 'incident'] as const;

const OF_GROUP: readonly PathParameter[] = [
  { name: 'group', description: 'Name of the group', type: 'string' },
];

export const ROUTES: readonly Route[] = [
  object(
    {
      path: '/v1/summary',
      id: 'summary',
      summary: 'Totals of the whole store',
      query: [],
      schema: Summary,
      schemaName: 'Summary',
    },
    (db, _query, context) => summaryAnswer(db, context),
  ),
  list(
    {
      path: '/v1/groups',
      id: 'groups',
      summary: 'Consumer groups, by name or the worst first',
      query: ['cluster', 'group', 'order', 'limit', 'cursor'],
      schema: Group,
      schemaName: 'Group',
    },
    groupsAnswer,
  ),
  object(
    {
      path: '/v1/groups/{group}',
      id: 'group',
      summary: 'One consumer group with its partitions, sessions and members',
      pathParameters: OF_GROUP,
      query: ['cluster'],
      schema: GroupDetail,
      schemaName: 'GroupDetail',
    },
    (db, query, context, path) => groupAnswer(db, path('group'), query, context),
  ),
  list(
    {
      path: '/v1/groups/{group}/sessions',
      id: 'group-sessions',
      summary: 'Instrumented consumers of one group with their settings, the latest that began first',
      pathParameters: OF_GROUP,
      query: ['cluster', 'since', 'until', 'limit', 'cursor'],
      schema: Session,
      schemaName: 'Session',
    },
    (db, query, context, path) => sessionsAnswer(db, path('group'), query, context),
  ),
  object(
    {
      path: '/v1/groups/{group}/timeline',
      id: 'group-timeline',
      summary: 'Sessions, generations and findings of one group within a time',
      pathParameters: OF_GROUP,
      query: ['cluster', 'since', 'until'],
      schema: GroupTimeline,
      schemaName: 'GroupTimeline',
    },
    (db, query, context, path) => timelineAnswer(db, path('group'), query, context),
  ),
  object(
    {
      path: '/v1/groups/{group}/positions',
      id: 'group-positions',
      summary: 'Committed offsets and deliveries of one partition over time',
      pathParameters: OF_GROUP,
      query: ['cluster', 'topic', 'partition', 'since', 'until'],
      schema: PartitionPositions,
      schemaName: 'PartitionPositions',
    },
    (db, query, context, path) => positionsAnswer(db, path('group'), query, context),
  ),
  list(
    {
      path: '/v1/redeliveries',
      id: 'redeliveries',
      summary: 'What was delivered more than once to the same group, the latest first',
      query: [
        'cluster',
        'group',
        'topic',
        'partition',
        'since',
        'until',
        'certain',
        'cause',
        'certainty',
        'incident',
        'first_offset',
        'last_offset',
        'limit',
        'cursor',
      ],
      schema: Redelivery,
      schemaName: 'Redelivery',
    },
    redeliveriesAnswer,
  ),
  list(
    {
      path: '/v1/incidents',
      id: 'incidents',
      summary: 'Findings of one cause and group, close in time, as one; the latest first',
      query: ['cluster', 'group', 'topic', 'kind', 'state', 'since', 'until', 'limit', 'cursor'],
      schema: Incident,
      schemaName: 'Incident',
    },
    incidentsAnswer,
  ),
  object(
    {
      path: '/v1/incidents/{id}',
      id: 'incident',
      summary: 'One incident with its places and latest findings',
      pathParameters: [{ name: 'id', description: 'Of the incident', type: 'integer' }],
      query: [],
      schema: IncidentDetail,
      schemaName: 'IncidentDetail',
    },
    (db, _query, context, path) => incidentAnswer(db, readPathNumber('id', path('id')), context),
  ),
  list(
    {
      path: '/v1/rewinds',
      id: 'rewinds',
      summary: 'Committed offsets that went down, the latest first',
      query: [
        'cluster',
        'group',
        'topic',
        'partition',
        'since',
        'until',
        'cause',
        'certainty',
        'incident',
        'limit',
        'cursor',
      ],
      schema: Rewind,
      schemaName: 'Rewind',
    },
    rewindsAnswer,
  ),
  list(
    {
      path: '/v1/duplicates',
      id: 'duplicates',
      summary: 'Messages that stand in the log more than once, the latest found first',
      query: [
        'cluster',
        'topic',
        'partition',
        'since',
        'until',
        'kind',
        'cause',
        'certainty',
        'incident',
        'limit',
        'cursor',
      ],
      schema: Duplicate,
      schemaName: 'Duplicate',
    },
    duplicatesAnswer,
  ),
  {
    kind: 'object',
    path: '/v1/identities/{id}',
    id: 'identity',
    summary:
      'Every place of one message in the observed topics, with its deliveries and copies; since: places written and copies found from then on',
    pathParameters: [{ name: 'id', description: 'In clear, or its hash in hex', type: 'string' }],
    query: ['since'],
    schema: Identity,
    schemaName: 'Identity',
    async answer({ path, query, context }) {
      const { since: text } = readQuery(['since'], query);
      const since = text === undefined ? undefined : timeOf('since', text, context.now);
      const id = path.get('id') ?? '';
      // Before the answer's own look at the store: it may take several.
      const found = await context.identities.find(id);
      return (db) => identityAnswer(db, id, found, since);
    },
  },
  list(
    {
      path: '/v1/topics',
      id: 'topics',
      summary: 'Topics that are observed: identities found, duplicates by cause, time to duplicate, windows',
      query: ['cluster', 'topic'],
      schema: ObservedTopic,
      schemaName: 'ObservedTopic',
    },
    topicsAnswer,
  ),
  list(
    {
      path: '/v1/sequence-anomalies',
      id: 'sequence-anomalies',
      summary: 'Record batches whose sequences their producer had used before, the latest found first',
      query: ['cluster', 'topic', 'partition', 'since', 'until', 'limit', 'cursor'],
      schema: SequenceAnomaly,
      schemaName: 'SequenceAnomaly',
    },
    sequenceAnomaliesAnswer,
  ),
  list(
    {
      path: '/v1/hits',
      id: 'hits',
      summary: "Copies that the consumers' own checks recognised, the latest first",
      query: HIT_QUERY,
      schema: Hit,
      schemaName: 'Hit',
    },
    hitsAnswer,
  ),
  list(
    {
      path: '/v1/producers',
      id: 'producers',
      summary: 'Producers of instrumented processes with settings and advice, the latest seen first',
      query: ['cluster', 'since', 'until', 'limit', 'cursor'],
      schema: Producer,
      schemaName: 'Producer',
    },
    producersAnswer,
  ),
  list(
    {
      path: '/v1/premature-commits',
      id: 'premature-commits',
      summary: 'Commits past records that were then not handled, the latest first',
      query: LOSS_QUERY,
      schema: PrematureCommit,
      schemaName: 'PrematureCommit',
    },
    prematuresAnswer,
  ),
  list(
    {
      path: '/v1/skips',
      id: 'skips',
      summary: 'Records below the committed offset that were never delivered to the group, the latest first',
      query: LOSS_QUERY,
      schema: Skip,
      schemaName: 'Skip',
    },
    skipsAnswer,
  ),
  list(
    {
      path: '/v1/stalled-commits',
      id: 'stalled-commits',
      summary:
        'Consumers that handled on while nothing was committed, the latest begun first; since and until: those of which any part lies within',
      query: LOSS_QUERY,
      schema: StalledCommit,
      schemaName: 'StalledCommit',
    },
    stalledAnswer,
  ),
  object(
    {
      path: '/v1/records/{topic}/{partition}/{offset}',
      id: 'record',
      summary: 'Every delivery of one record, and the commits and seeks that went over it',
      pathParameters: [
        { name: 'topic', description: 'Name of the topic', type: 'string' },
        { name: 'partition', description: 'Number of the partition', type: 'integer' },
        { name: 'offset', description: 'Offset of the record', type: 'integer' },
      ],
      query: ['cluster', 'group'],
      schema: RecordHistory,
      schemaName: 'RecordHistory',
    },
    (db, query, _context, path) =>
      recordAnswer(
        db,
        {
          topic: path('topic'),
          partition: readPathNumber('partition', path('partition'), 2 ** 31 - 1),
          offset: readPathNumber('offset', path('offset')),
        },
        query,
      ),
  ),
  list(
    {
      path: '/v1/timeseries',
      id: 'timeseries',
      summary: 'Deliveries, redeliveries, failures, hits and duplicates over time',
      query: ['cluster', 'group', 'topic', 'since', 'until', 'step', 'by'],
      schema: SeriesPoint,
      schemaName: 'SeriesPoint',
    },
    timeseriesAnswer,
  ),
  object(
    {
      path: '/v1/totals',
      id: 'totals',
      summary: 'What was delivered within a time, in all and to the groups that got most of it again',
      query: ['since', 'until', 'step'],
      schema: Totals,
      schemaName: 'Totals',
    },
    totalsAnswer,
  ),
  object(
    {
      path: '/v1/status',
      id: 'status',
      summary: 'How Dupescope itself does: versions, retention, what was dropped, where it stands',
      query: [],
      schema: Status,
      schemaName: 'Status',
    },
    (db, _query, context) => statusAnswer(db, context),
  ),
];
