// Asks a running Ember by fhir-kit-client: read, search, page, transact, follow
// references.
//
//     node bench/clients/fhir-kit.mjs http://HOST:PORT/fhir
//
// The package is found from the working directory (NODE_PATH does not hold for
// modules). It stores resources of its own, and deletes them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';

const home = join(process.cwd(), 'node_modules', 'fhir-kit-client');
const { exports } = JSON.parse(readFileSync(join(home, 'package.json')));
const module = await import(pathToFileURL(join(home, exports['.'].import)).href);
const Client = module.Client ?? module.default?.Client ?? module.default;
const client = new Client({ baseUrl: process.argv[2] });

const statement = await client.capabilityStatement();
assert.equal(statement.resourceType, 'CapabilityStatement');
const patient = await client.update({ resourceType: 'Patient', id: 'kit-p', body: { resourceType: 'Patient', id: 'kit-p', name: [{ family: 'Kit' }] } });
assert.equal(patient.id, 'kit-p');
for (let n = 0; n < 5; n++) {
  const body = { resourceType: 'Observation', status: 'final', code: { coding: [{ system: 'http://loinc.org', code: 'kit-1' }] },
    subject: { reference: 'Patient/kit-p' }, effectiveDateTime: `2024-01-0${n + 1}` };
  const made = await client.create({ resourceType: 'Observation', body });
  assert.ok(made.id);
}
let page = await client.search({ resourceType: 'Observation', searchParams: { patient: 'kit-p', code: 'kit-1', _sort: '-date', _count: 2 } });
assert.equal(page.entry[0].resource.effectiveDateTime, '2024-01-05');
let all = [];
while (page) {
  all = all.concat(page.entry.map((e) => e.resource));
  page = await client.nextPage({ bundle: page });
}
assert.equal(all.length, 5);
const posted = await client.search({ resourceType: 'Observation', searchParams: { code: 'http://loinc.org|kit-1' }, options: { postSearch: true } });
assert.equal(posted.entry.length, 5);
const target = await client.resolve({ reference: 'Patient/kit-p' });
assert.equal(target.name[0].family, 'Kit');
const history = await client.history({ resourceType: 'Patient', id: 'kit-p' });
assert.equal(history.type, 'history');
const first = await client.vread({ resourceType: 'Patient', id: 'kit-p', version: '1' });
assert.equal(first.meta.versionId, '1');
const everything = await client.operation({ name: 'everything', resourceType: 'Patient', id: 'kit-p', method: 'GET' });
assert.equal(everything.entry.length, 6);
const done = await client.transaction({ body: { resourceType: 'Bundle', type: 'transaction',
  entry: all.map((o) => ({ request: { method: 'DELETE', url: `Observation/${o.id}` } })) } });
assert.equal(done.type, 'transaction-response');
const answers = await client.batch({ body: { resourceType: 'Bundle', type: 'batch', entry: [{ request: { method: 'GET', url: 'Observation?code=kit-1' } }] } });
assert.equal(answers.entry[0].resource.total, 0);
await client.delete({ resourceType: 'Patient', id: 'kit-p' });
await assert.rejects(client.read({ resourceType: 'Patient', id: 'kit-p' }), (e) => e.response.status === 410 && e.response.data.issue.length > 0);
await assert.rejects(client.search({ resourceType: 'Patient', searchParams: { birthdate: 'x' } }), (e) => e.response.status === 400);
console.log('fhir-kit-client is content');
