/** GET /: what this is and where to ask. No script, no style: the policy of the headers allows none. */
import { OTHER_PATHS, POST_PATHS } from './openapi';
import { ROUTES } from './routes';

export function indexPage(version: string): string {
  const posts: readonly string[] = POST_PATHS.map(({ path }) => path);
  const rows = [...ROUTES, ...OTHER_PATHS, ...POST_PATHS]
    .filter(({ path }) => path !== '/')
    .map(({ path, summary }) => {
      const name =
        path.includes('{') || posts.includes(path) ? escaped(path) : `<a href="${path}">${path}</a>`;
      return `<dt><code>${name}</code></dt><dd>${escaped(summary)}</dd>`;
    });
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Dupescope</title></head>
<body><h1>Dupescope ${escaped(version)}</h1>
<p>Which Kafka records were delivered more than once, to whom and when.</p>
<dl>
${rows.join('\n')}
</dl></body></html>
`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
