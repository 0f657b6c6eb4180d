/** Addresses elsewhere, from the templates of the configuration. */

/** Each name in braces is replaced by its value, encoded; one that is not known here by nothing. */
export function filled(template: string, values: Readonly<Record<string, string | number | null>>): string {
  return template.replace(/\{(\w+)\}/g, (_all, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : null;
    return encodeURIComponent(value ?? '');
  });
}

/** What a template asks for. */
export function namesOf(template: string): string[] {
  return [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '');
}
