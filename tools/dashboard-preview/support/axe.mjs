// The accessibility rules that every page of the project keeps, the live view of lib/promc-exporter too.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** What axe finds. It is not the page's script: the debugger runs it, which the page's own policy does not hold. */
export async function axe(page) {
  await page.evaluate(source);
  return page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'] });
    return violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.length}, as ${nodes[0].html.slice(0, 160)}`);
  });
}
