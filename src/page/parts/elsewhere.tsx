/** Links to Grafana and to traces, where the configuration names them. */
import { filled } from '../logic/links';
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
  const isRecord = values.offset !== undefined;
  return (
    <>
      {links.grafana === null ? null : (
        <Away href={filled(links.grafana, { ...values, ...times })}>Grafana</Away>
      )}
      {links.traces === null || !isRecord ? null : (
        <Away href={filled(links.traces, { ...values, ...times })}>Traces</Away>
      )}
    </>
  );
}

function Away({ href, children }: { href: string; children: string }) {
  return (
    <a href={href} target="_blank" rel="noreferrer noopener">
      {children} ↗
    </a>
  );
}
