/** The page's own build: one script, one style sheet, nothing inline, nothing from elsewhere. */
import { defineConfig } from 'vite';

/** Theirs goes where their code goes. */
const NOTICE =
  '/*! Holds Preact, (c) 2015-present Jason Miller, and uPlot, (c) 2022 Leon Sorokin, both under the MIT licence. */';

export default defineConfig({
  base: '/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../../dist/page',
    emptyOutDir: true,
    // Inlined files would be data: addresses, which the policy refuses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
    rolldownOptions: { output: { postBanner: NOTICE } },
  },
});
