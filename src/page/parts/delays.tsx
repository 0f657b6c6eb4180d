/** How long after the first copy the others came, and what a consumer must remember to catch them. */
import type { ObservedTopic } from '../../service/schemas';
import { count, duration, percent } from '../logic/format';
import { Bars } from './bars';
import { Figures } from './facts';

type Delays = NonNullable<ObservedTopic['time_to_duplicate']>;

export function DelayHistogram({ delays }: { delays: Delays }) {
  const { window_seconds: window, steps, advice } = delays;
  const windows = [
    ['99%', window.p99],
    ['99.9%', window.p999],
    ['all', window.all],
  ] as const;
  let caught = 0;
  return (
    <>
      <Figures
        facts={windows.map(([share, seconds]) => ({
          name: share === 'all' ? 'To catch all seen' : `To catch ${share}`,
          value: duration(seconds),
        }))}
      />
      <p class="note">
        {count(delays.records)} copies by the time after the first one, each step with the share of all that
        had come by its end; half within {duration(delays.p50_seconds)}, 90% within{' '}
        {duration(delays.p90_seconds)}.
      </p>
      <Bars
        bars={steps.map((step, i) => {
          caught += step.records;
          const reached = windows.filter(([, seconds]) => stepOf(delays, seconds) === i);
          return {
            key: String(step.up_to_seconds),
            words: (
              <>
                {stepWords(step)}
                {reached.map(([share]) => (
                  <span key={share} class="tag reached">
                    {share === 'all' ? 'all by here' : `${share} by here`}
                  </span>
                ))}
              </>
            ),
            value: step.records,
            told: `${count(step.records)}, ${percent(caught / delays.records)}`,
          };
        })}
      />
      <p class="advice">{advice}</p>
    </>
  );
}

function stepWords({ above_seconds: above, up_to_seconds: upTo }: Delays['steps'][number]): string {
  return above === 0 ? `up to ${duration(upTo)}` : `${duration(above)} to ${duration(upTo)}`;
}

/** A window is as long as the longest delay that its bucket takes, 1% longer than what the step counts it as. */
const BUCKET = 1.01;

/** The step in which a window of that length ends. */
function stepOf({ steps, window_seconds: window }: Delays, seconds: number): number {
  const at = steps.findIndex(({ up_to_seconds: upTo }) => seconds / BUCKET <= upTo);
  return at < 0 || seconds >= window.all ? steps.length - 1 : at;
}
