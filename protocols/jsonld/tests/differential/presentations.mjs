// Presentation-shaped data sets, and their canonical form by rdf-canonize (of jsonld 9.0.0).
//
//     npm install jsonld@9.0.0
//     node presentations.mjs > presentations.json
import {createRequire} from 'node:module';
import {join} from 'node:path';

const require = createRequire(join(process.cwd(), 'x.js'));
const canonize = require('rdf-canonize');
let seed = 42;
const below = n => (seed = (seed * 1103515245 + 12345) % 2147483648, Math.floor(seed / 65536) % n);

const pairs = [];
for(let i = 0; i < 60; ++i) {
  const count = 2 + i % 4;
  const lines = ['_:vp <urn:type> <urn:Presentation> .'];
  for(let c = 0; c < count; ++c) {
    lines.push(`_:vp <urn:credential> _:g${c} .`);
    lines.push(`_:c${c} <urn:type> <urn:Credential> _:g${c} .`);
    lines.push(`_:c${c} <urn:subject> _:s${c} _:g${c} .`);
    if(i % 3) {
      lines.push(`_:s${c} <urn:name> "${below(2 + i % 2)}" _:g${c} .`);
    }
    if(i % 2) {
      lines.push(`_:c${c} <urn:proof> _:p${c} _:g${c} .`);
      lines.push(`_:q${c} <urn:value> "v${below(3)}" _:p${c} .`);
    }
    if(i % 5 === 0) {
      lines.push(`_:s${c} <urn:knows> _:s${(c + 1) % count} _:g${c} .`);
    }
    if(i % 7 === 0) {
      lines.push(`_:g${c} <urn:self> _:g${c} _:g${c} .`);
    }
  }
  const input = lines.join('\n') + '\n';
  const canonical = await canonize.canonize(canonize.NQuads.parse(input),
    {algorithm: 'RDFC-1.0', format: 'application/n-quads', maxWorkFactor: Infinity});
  pairs.push({input, canonical});
}
console.log(JSON.stringify(pairs, null, 0));
