// Canonical N-Quads of the documents by jsonld.js 9.0.0, and whether its safe mode accepts them.
//
//     npm install jsonld@9.0.0
//     node make.mjs documents.json jsonld-js.json
//
// Contexts come from ../../contexts.
import {readFileSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

const require = createRequire(join(process.cwd(), 'x.js'));
const jsonld = require('jsonld');
const contexts = join(dirname(fileURLToPath(import.meta.url)), '../../contexts');
const byUrl = new Map(JSON.parse(readFileSync(join(contexts, 'manifest.json'), 'utf8'))
  .map(({url, file}) => [url, JSON.parse(readFileSync(join(contexts, file), 'utf8'))]));

const documentLoader = async url => {
  if(!byUrl.has(url)) {
    throw new Error(`no document ${url}`);
  }
  return {contextUrl: null, documentUrl: url, document: byUrl.get(url)};
};

const canonize = async (document, safe) => {
  try {
    const nquads = await jsonld.canonize(document, {
      algorithm: 'RDFC-1.0', format: 'application/n-quads', documentLoader, safe, maxWorkFactor: 3
    });
    return {nquads};
  } catch(error) {
    let inner = error;
    while(inner && !(inner.details && inner.details.code) && inner.details && inner.details.cause) {
      inner = inner.details.cause;
    }
    return {error: (inner && inner.details && inner.details.code) || error.name || 'error'};
  }
};

const [source, target] = process.argv.slice(2);
const {documents} = JSON.parse(readFileSync(source, 'utf8'));
const results = {};
for(const {name, document} of documents) {
  results[name] = {...await canonize(document, false), safe: !('error' in await canonize(document, true))};
}
writeFileSync(target, JSON.stringify(results, null, 0).replaceAll('},"', '},\n"') + '\n');
