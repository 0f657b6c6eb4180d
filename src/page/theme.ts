/** Light, dark, or as the system says. A person's own choice, so it stays in this browser and not in the address. */
export type Theme = 'auto' | 'light' | 'dark';

const KEY = 'dupescope-theme';

export function readTheme(): Theme {
  const known = localStorage.getItem(KEY);
  return known === 'light' || known === 'dark' ? known : 'auto';
}

export function writeTheme(theme: Theme): void {
  if (theme === 'auto') {
    localStorage.removeItem(KEY);
    delete document.documentElement.dataset.theme;
  } else {
    localStorage.setItem(KEY, theme);
    document.documentElement.dataset.theme = theme;
  }
}

/** A colour of the style sheet as a canvas takes it. */
export function ink(name: string, within: HTMLElement): string {
  const probe = document.createElement('i');
  probe.style.color = `var(--${name})`;
  within.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
