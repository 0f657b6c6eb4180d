/** What stands in the place of an answer: that it is under way, why there is none, or what to do to get one. */
import type { ComponentChildren } from 'preact';
import { ago, shortTime } from '../logic/format';
import { type Answer, useApp, useZone } from '../state';
import { Copy } from './text';

/** Nothing where nothing is wrong; else why there is no answer, or how old the one is that is shown. */
export function Trouble({ answer: { value, error, at } }: { answer: Answer<unknown> }) {
  const zone = useZone();
  if (error === null) return null;
  return (
    <p class="trouble" role="alert">
      {value === null ? (
        <strong>No answer.</strong>
      ) : (
        <strong>
          This is the answer of {shortTime(at, zone)}
          {/* It changes all the time: to be told so again and again would be too much. */}
          <span aria-hidden="true"> ({ago(at, Date.now())})</span>; the next one failed.
        </strong>
      )}{' '}
      {error.message}
    </p>
  );
}

/** Shows its children with the answer, as soon as there is one. */
export function Told<T>({
  answer,
  children,
}: {
  answer: Answer<T>;
  children: (value: T) => ComponentChildren;
}) {
  const { value, error } = answer;
  return (
    <>
      <Trouble answer={answer} />
      {value === null ? (
        error === null ? (
          <p class="wait" aria-busy="true">
            Asking…
          </p>
        ) : null
      ) : (
        children(value)
      )}
    </>
  );
}

/** Nothing to show, and the next step: a line to copy. */
export function Empty({ children, line }: { children: ComponentChildren; line?: string }) {
  return (
    <div class="empty">
      <p>{children}</p>
      {line === undefined ? null : (
        <p class="line">
          <code>{line}</code>
          <Copy text={line} what="this line" />
        </p>
      )}
    </div>
  );
}

/** The line that instruments a consumer, from any host that reaches this page: behind it stands the service. */
export function InstrumentEmpty({ children }: { children: ComponentChildren }) {
  const { token } = useApp();
  const withToken = token === null ? '' : ' DUPESCOPE_TOKEN_FILE=./dupescope.token';
  const line = `DUPESCOPE_SERVICE=${window.location.origin}${withToken} node --require dupescope/register app.js`;
  return <Empty line={line}>{children}</Empty>;
}

export const OBSERVE_LINE = "dupescope serve --brokers localhost:9092 --topics 'orders,payments.*'";
export const WATCH_LINE = 'dupescope serve --brokers localhost:9092';
