/** Lines for a terminal, below them a screen that is drawn anew; plain lines where there is no terminal. */
export class Terminal {
  private drawn: readonly string[] = [];

  constructor(private readonly stream: NodeJS.WriteStream) {}

  get isScreen(): boolean {
    return this.stream.isTTY === true;
  }

  /** A line that stays. */
  line(text = ''): void {
    this.stream.write(`${this.erase()}${text}\n${this.drawn.map((line) => `${line}\n`).join('')}`);
  }

  /** What stands below all lines from now on; nothing without a terminal. */
  draw(lines: readonly string[]): void {
    if (!this.isScreen) return;
    const { columns = 80, rows = 24 } = this.stream;
    // A line that wraps, or more lines than the terminal has, could not be taken back.
    const fitting = lines.slice(0, Math.max(1, rows - 1)).map((line) => line.slice(0, columns - 1));
    const erase = this.erase();
    this.drawn = fitting;
    this.stream.write(`${erase}${fitting.map((line) => `${line}\n`).join('')}`);
  }

  /** Leaves what was drawn last where it is. */
  keep(): void {
    this.drawn = [];
  }

  private erase(): string {
    return this.drawn.length === 0 ? '' : `\x1b[${this.drawn.length}F\x1b[0J`;
  }
}
