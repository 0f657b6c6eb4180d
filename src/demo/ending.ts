/** What has to be ended, in the reverse order of its making; each is ended whatever the others did. */
export class Ending {
  private readonly steps: { what: string; end: () => Promise<void> | void }[] = [];

  add(what: string, end: () => Promise<void> | void): void {
    this.steps.push({ what, end });
  }

  /** Answers what could not be ended. May be called again. */
  async run(): Promise<string[]> {
    const failed: string[] = [];
    for (let step = this.steps.pop(); step !== undefined; step = this.steps.pop()) {
      try {
        await step.end();
      } catch (error) {
        failed.push(`${step.what}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    return failed;
  }
}
