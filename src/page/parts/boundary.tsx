/** What stands in the place of a part that could not be drawn: a fault of ours, or an answer that is not what it should be. */
import { Component, type ComponentChildren } from 'preact';
import { visible } from '../logic/visible';

interface Props {
  /** Begins a sentence. */
  what: string;
  /** The place that is shown: at another one it is tried again. */
  of: string;
  children: ComponentChildren;
}

interface State {
  message: string | null;
  of: string;
}

export class Boundary extends Component<Props, State> {
  override state: State = { message: null, of: this.props.of };

  static override getDerivedStateFromProps({ of }: Props, state: State): Partial<State> | null {
    return of === state.of ? null : { message: null, of };
  }

  override componentDidCatch(error: unknown): void {
    this.setState({ message: error instanceof Error ? error.message : String(error) });
  }

  override render({ what, children }: Props, { message }: State): ComponentChildren {
    if (message === null) return children;
    return (
      <section class="panel" role="alert">
        <p class="trouble">
          <strong>{what} could not be drawn.</strong> {visible(message, 300)}
        </p>
        <p>
          What is stored is not touched by that, and the API goes on answering.{' '}
          <button type="button" onClick={() => window.location.reload()}>
            Reload the page
          </button>
        </p>
      </section>
    );
  }
}
