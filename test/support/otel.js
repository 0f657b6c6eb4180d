/** `--require` this: an application that sets OpenTelemetry up from its standard environment. */
const { NodeSDK } = require('@opentelemetry/sdk-node');

const sdk = new NodeSDK();
sdk.start();
const exit = process.exit;
// What waits in the batch is sent before an ordinary end; a kill takes it along.
process.exit = (code) => void sdk.shutdown().finally(() => exit(code));
