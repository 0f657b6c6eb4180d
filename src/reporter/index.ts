/**
 * The reporter: brings a process's journal to a service on another host, in a thread of its own, as the store's writer
 * brings it into a file. It reads journals (`feed`), speaks HTTP (`service-client`), and knows no SQL. The protocol
 * stands in `journal/report`.
 *
 *     reporter-client (main thread) <-messages-> reporter-thread -> reporter -> feed, orphans -> service-client
 */
export { launchReporter, type ReporterClient, type ReporterClientOptions } from './reporter-client';
