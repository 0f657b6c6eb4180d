/** What is asked of Tempo. */

/** Uid of the provisioned data source. */
export const TRACES_UID = 'dupescope-traces';

/** The spans of a record's deliveries by its place, whichever trace it carried. */
export const ofRecord = ({ topic, partition, offset }: Record<'topic' | 'partition' | 'offset', string>) =>
  `{ span.messaging.destination.name = "${topic}" && span.messaging.destination.partition.id = "${partition}" && span.kafka.offset = ${offset} }`;

/** The findings of an incident, each in the trace of its record. */
export const ofIncident = (id: string) => `{ span.dupescope.incident.id = ${id} }`;
