/** Server-sent events out of pieces of text: what EventSource does, for a request that carries a token. */

export interface StreamEvent {
  event: string;
  data: string;
}

export class EventStreamReader {
  private rest = '';
  private event = '';
  private data: string[] = [];

  /** The events that are whole with this piece. */
  read(piece: string): StreamEvent[] {
    const lines = (this.rest + piece).split(/\r\n|\n|\r/);
    this.rest = lines.pop() ?? '';
    return lines.flatMap((line) => this.line(line));
  }

  private line(line: string): StreamEvent[] {
    if (line === '') return this.dispatched();
    const [, field = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === 'event') this.event = value;
    else if (field === 'data') this.data.push(value);
    return [];
  }

  private dispatched(): StreamEvent[] {
    const found = this.data.length === 0 ? [] : [{ event: this.event, data: this.data.join('\n') }];
    this.event = '';
    this.data = [];
    return found;
  }
}
