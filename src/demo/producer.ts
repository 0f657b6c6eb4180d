/** The demo's one producer: bursts of payments until it is stopped. */
import type { Producer } from 'kafkajs';
import { pause } from './patience';
import type { Place } from './place';
import { BURST_MS, BURST_RECORDS } from './workload';

const AMOUNTS = 9_973;
const CUSTOMERS = 211;

export class Payments {
  sent = 0;
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();

  private constructor(
    private readonly producer: Producer,
    private readonly topic: string,
  ) {}

  /** @param onLost it cannot send any more */
  static async start({ kafka, topic }: Place, onLost: (why: string) => void): Promise<Payments> {
    const producer = kafka.producer();
    await producer.connect();
    const payments = new Payments(producer, topic);
    payments.running = payments.run().catch((error: Error) => {
      if (!payments.stopping.signal.aborted) onLost(`the producer failed: ${error.message}`);
    });
    return payments;
  }

  /** Waits for what is being sent. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
    await this.producer.disconnect();
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const messages = Array.from({ length: BURST_RECORDS }, (_, i) => payment(this.sent + i));
      await this.producer.send({ topic: this.topic, messages });
      this.sent += messages.length;
      await pause(BURST_MS, signal);
    }
  }
}

function payment(number: number): { key: string; value: string } {
  const customer = `customer-${number % CUSTOMERS}`;
  return {
    key: customer,
    value: JSON.stringify({ payment: number, customer, cents: (number * 37) % AMOUNTS }),
  };
}
