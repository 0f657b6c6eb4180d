/** A record's life in a group as a line of steps. */
import { useMemo } from 'preact/hooks';
import type { RecordHistory } from '../../service/schemas';
import { type LifeStep, lifeOf } from '../logic/life';
import { visible } from '../logic/visible';
import { iconPath } from './cause';
import { Copy, Time } from './text';
import { WhyPart } from './why';

function stepPath(shape: LifeStep['shape']): string {
  if (shape === 'check') return 'M3 8.5 6.5 12 13 4.5';
  if (shape === 'down') return 'M8 3v10M4 9l4 4 4-4';
  return iconPath(shape);
}

export function Life({ history, offset }: { history: RecordHistory['history'][number]; offset: number }) {
  const steps = useMemo(() => lifeOf(history, offset), [history, offset]);
  return (
    <ol class="life">
      {steps.map((step) => (
        <li key={step.key} class={step.tone}>
          <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
            <path d={stepPath(step.shape)} />
          </svg>
          <span>
            <Time at={step.at} form="ms" /> <strong>{step.words}</strong>
            {step.offset === undefined ? null : (
              <>
                {' '}
                <Copy text={String(step.offset)} what={`the offset ${step.offset}`} />
              </>
            )}
          </span>
          <span class="detail">{visible(step.detail, 1_000)}</span>
          {step.why === undefined ? null : <WhyPart why={step.why} />}
        </li>
      ))}
    </ol>
  );
}
