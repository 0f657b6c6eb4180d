/**
 * What becomes of each delivery, as `truth.ts` reads it: a line of a file before anything else is done and when it has
 * ended. d with the identity, h a hit, e its effect follows, r the handler returned, x it threw; each with pid,
 * partition and offset.
 */
const { openSync, writeSync } = require('node:fs');

const idOf = ({ headers }) => headers['message-id'].toString();

/** @returns note(what, partition, messages) */
function fatesTo(path) {
  const file = openSync(path, 'a');
  return (what, partition, messages) => {
    const lines = messages.map((message) => {
      const id = what === 'd' ? ` ${idOf(message)}` : '';
      return `${what} ${process.pid} ${partition} ${message.offset}${id}\n`;
    });
    writeSync(file, lines.join(''));
  };
}

module.exports = { fatesTo, idOf };
