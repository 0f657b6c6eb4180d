/** Addresses elsewhere, from the templates of the configuration. */

type Values = Readonly<Record<string, string | number | null>>;

/**
 * Each name in braces is replaced by its value, encoded; one that is not known here by nothing. A parameter that is
 * nothing but such a name is left out: Grafana takes an empty one for a choice of nothing, a missing one for all.
 */
export function filled(template: string, values: Values): string {
  const known = (name: string) => (Object.hasOwn(values, name) ? (values[name] ?? null) : null);
  const [, base = '', query, fragment = ''] = /^([^?#]*)(?:\?([^#]*))?(#.*)?$/s.exec(template) ?? [];
  const isKnown = (parameter: string) => {
    const name = /^[^=]*=\{(\w+)\}$/.exec(parameter)?.[1];
    return name === undefined || known(name) !== null;
  };
  const kept = query === undefined ? '' : `?${query.split('&').filter(isKnown).join('&')}`;
  return (base + kept + fragment).replace(/\{(\w+)\}/g, (_all, name: string) =>
    encodeURIComponent(known(name) ?? ''),
  );
}

/** What a template asks for. */
export function namesOf(template: string): string[] {
  return [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '');
}
