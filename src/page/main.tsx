/**
 * The built-in page. `state` says what all parts may ask; `logic` is pure and tested without a browser; `parts` are
 * pieces of a screen, `screens` put them together. It knows the public API and nothing else of the service.
 */
import { render } from 'preact';
import { AppShell } from './app';
import 'uplot/dist/uPlot.min.css';
import './style/base.css';
import './style/shell.css';
import './style/parts.css';
import './style/charts.css';

const root = document.getElementById('app');
if (root !== null) render(<AppShell />, root);
