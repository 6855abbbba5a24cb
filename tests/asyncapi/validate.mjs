// node validate.mjs FILE: reads an AsyncAPI document with the official parser, prints what it
// says (one line each) and ends with 1 where that is an error.
import { readFile } from 'node:fs/promises';
import { Parser } from '@asyncapi/parser';

const SEVERITIES = ['error', 'warning', 'info', 'hint'];

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error('usage: node validate.mjs FILE');
  process.exit(2);
}
const { document, diagnostics } = await new Parser().parse(await readFile(file, 'utf8'));
for (const { severity, code, message, path, range } of diagnostics) {
  const place = `${path.join('.')} (line ${range.start.line + 1})`;
  console.log(`${SEVERITIES[severity]}: ${code}: ${message}: ${place}`);
}
const errors = diagnostics.filter(({ severity }) => severity === 0).length;
if (document !== undefined) {
  const channels = document.channels().length;
  const messages = document.allMessages().length;
  const operations = document.operations().length;
  console.log(`read: ${channels} channels, ${operations} operations, ${messages} messages`);
}
console.log(`${errors} errors`);
process.exit(errors > 0 || document === undefined ? 1 : 0);
