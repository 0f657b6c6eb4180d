/** Links to Grafana and to traces, where the configuration names them. */
import { filled, namesOf } from '../logic/links';
import { useApp } from '../state';

/** What a dashboard shows besides, on both sides, in ms. */
const AROUND_MS = 300_000;

export function Elsewhere({
  values,
  from,
  to,
}: {
  values: Readonly<Record<string, string | number | null>>;
  /** RFC 3339; missing: of the time that has no end. */
  from?: string;
  to?: string;
}) {
  const links = useApp().status?.links;
  if (links === undefined) return null;
  const times = {
    from: (from === undefined ? Date.now() - 3_600_000 : Date.parse(from)) - AROUND_MS,
    to: to === undefined ? Date.now() : Date.parse(to) + AROUND_MS,
  };
  // A trace is of something: a template that asks for what is not known here would lead to all of them.
  const known = { ...values, ...times };
  const { traces } = links;
  const isTold = traces !== null && namesOf(traces).every((name) => isGiven(known, name));
  return (
    <>
      {links.grafana === null ? null : <Away href={filled(links.grafana, known)}>Grafana</Away>}
      {isTold ? <Away href={filled(traces, known)}>Traces</Away> : null}
    </>
  );
}

function isGiven(values: Readonly<Record<string, string | number | null>>, name: string): boolean {
  return Object.hasOwn(values, name) && values[name] !== null;
}

function Away({ href, children }: { href: string; children: string }) {
  return (
    <a href={href} target="_blank" rel="noreferrer noopener">
      {children} ↗
    </a>
  );
}
