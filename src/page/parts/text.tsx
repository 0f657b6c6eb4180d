/** Other people's text, times, and what can be copied. */
import { useEffect, useState } from 'preact/hooks';
import { ago, shortTime, time } from '../logic/format';
import { visible } from '../logic/visible';
import { useZone } from '../state';

/** Isolated, so that its direction does not reorder what stands beside it. */
export function Name({ text, max }: { text: string; max?: number }) {
  const shown = visible(text, max);
  return (
    <bdi class="name" title={shown === text ? undefined : visible(text, 2_000)}>
      {shown}
    </bdi>
  );
}

/** `short`: without the zone, which the head of the page names. */
export function Time({ at, form = 'short' }: { at: string; form?: 'short' | 's' | 'ms' }) {
  const zone = useZone();
  return (
    <time class="time" dateTime={at} title={`${time(at, zone, 'ms')}, ${ago(at, Date.now())}`}>
      {form === 'short' ? shortTime(at, zone) : time(at, zone, form)}
    </time>
  );
}

const COPIED_MS = 1_500;

/** Whether it stands in the clipboard. Browsers give their own way to pages of loopback and of TLS alone. */
async function write(text: string): Promise<boolean> {
  const clipboard = navigator.clipboard as Clipboard | undefined;
  if (clipboard === undefined) return selectAndCopy(text);
  await clipboard.writeText(text);
  return true;
}

function selectAndCopy(text: string): boolean {
  const before = document.activeElement;
  const field = document.createElement('textarea');
  field.value = text;
  field.className = 'unseen';
  field.readOnly = true;
  document.body.append(field);
  field.select();
  const isDone = document.execCommand('copy');
  field.remove();
  if (before instanceof HTMLElement) before.focus();
  return isDone;
}

/** @param text a function is asked at the click: what it gives changes with time */
export function Copy({ text, what }: { text: string | (() => string); what: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), COPIED_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = () => {
    write(typeof text === 'string' ? text : text()).then(setCopied, () => setCopied(false));
  };
  return (
    <button
      type="button"
      class="copy"
      aria-label={copied ? 'Copied' : `Copy ${what}`}
      title={`Copy ${what}`}
      onClick={copy}
    >
      <svg viewBox="0 0 16 16" aria-hidden="true">
        {copied ? <path d="M3 8.5 6.5 12 13 4.5" /> : <path d="M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3" />}
      </svg>
    </button>
  );
}
