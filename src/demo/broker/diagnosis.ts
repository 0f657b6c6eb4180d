/** A hint for a line of the broker's log: where the problem may be and what to do. */
const HINTS: readonly { when: RegExp; hint: string }[] = [
  {
    when: /Address already in use|BindException|port is already allocated/,
    hint: 'Another process took the port meanwhile; try again',
  },
  {
    when: /UnsupportedClassVersionError|class file version/,
    hint: 'This Java is too old; install Java 17 or later, or set JAVA_HOME to one',
  },
  {
    when: /ConfigException|Missing required configuration|IllegalArgumentException/,
    hint: 'A setting is wrong; look at the properties that were passed',
  },
  {
    when: /No space left on device|Disk quota exceeded/,
    hint: 'The folder for temporary files is full; free space there or set TMPDIR to another',
  },
  {
    when: /OutOfMemoryError|Could not reserve enough space|insufficient memory|Cannot allocate memory/,
    hint: 'There is too little memory for it; it needs up to 512 MiB of heap',
  },
  {
    when: /ClassNotFoundException|NoClassDefFoundError|Could not find or load main class/,
    hint: "Kafka's jars are not whole; remove the folder dupescope/kafka-* in your cache folder and try again",
  },
  {
    when: /permission denied|AccessDeniedException/i,
    hint: 'A folder cannot be read or written; look at the rights of the folder for temporary files',
  },
];

/** What a failed start says of itself. */
export interface Diagnosis {
  line: string;
  hint: string;
  portTaken: boolean;
}

/**
 * The line of a log that tells best why a program ended: the last that names an exception or an error, else
 * the last one at all. Stack frames are never it.
 */
export function lastMeaningfulLine(log: string): string {
  const lines = log
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(at |\.\.\. \d+ more)/.test(line));
  const telling =
    lines.findLast((line) => /(Exception|Error): \S/.test(line)) ??
    lines.findLast((line) => /\b(ERROR|FATAL|[Ee]rror)\b/.test(line)) ??
    lines.at(-1) ??
    'it wrote nothing';
  return telling
    .replace(/^Caused by: /, '')
    .replace(/\b(?:[a-z][\w$]*\.){2,}(?=[A-Z])/g, '')
    .slice(0, 300)
    .replace(/\.$/, '');
}

/** Reads the log of a broker that did not come up. */
export function diagnose(log: string): Diagnosis {
  const line = lastMeaningfulLine(log);
  const known = HINTS.find(({ when }) => when.test(line)) ?? HINTS.find(({ when }) => when.test(log));
  return {
    line,
    hint: known?.hint ?? 'The whole log is in the cause of this error',
    portTaken: known === HINTS[0],
  };
}
