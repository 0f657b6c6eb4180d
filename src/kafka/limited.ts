const REQUEST_LIMIT_MS = 10_000;

class LimitReached extends Error {
  override readonly name = 'KafkaJSTimeout';
}

/** kafkajs bounds single requests, but not its waits for metadata and coordinators. */
export async function limited<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new LimitReached(`no answer in ${REQUEST_LIMIT_MS / 1000} s`)),
      REQUEST_LIMIT_MS,
    );
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
