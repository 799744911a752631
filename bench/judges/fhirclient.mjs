// Asks a running Ember by fhirclient (SMART's own): read, search, pages, references,
// create, update, delete.
//
//     node bench/judges/fhirclient.mjs http://HOST:PORT/fhir
//
// The package is found from the working directory. It stores resources of its own, and
// deletes them.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(join(process.cwd(), 'package.json'));
const smart = require('fhirclient');
const base = process.argv[2];
const client = typeof smart === 'function'
  ? smart({ url: base, headers: {}, method: 'GET' }, {}).client({ serverUrl: base })
  : new smart.FhirClient(base);

await client.update({ resourceType: 'Patient', id: 'smart-p', name: [{ family: 'Smart' }] });
for (let n = 0; n < 5; n++) {
  const made = await client.create({ resourceType: 'Observation', status: 'final', code: { coding: [{ system: 'http://loinc.org', code: 'smart-1' }] },
    subject: { reference: 'Patient/smart-p' }, effectiveDateTime: `2024-01-0${n + 1}` });
  assert.ok(made.id);
}
const patient = await client.request('Patient/smart-p');
assert.equal(patient.name[0].family, 'Smart');
const all = await client.request('Observation?patient=smart-p&code=smart-1&_sort=-date&_count=2', { pageLimit: 0, flat: true });
assert.equal(all.length, 5);
assert.equal(all[0].effectiveDateTime, '2024-01-05');
const graph = await client.request('Observation?patient=smart-p&_count=1', { resolveReferences: ['subject'], graph: true });
const entry = Array.isArray(graph) ? graph[0] : graph.entry[0].resource;
assert.equal((entry.subject ?? entry.entry[0].resource.subject).name[0].family, 'Smart');
for (const o of all) await client.delete(`Observation/${o.id}`);
await client.delete('Patient/smart-p');
await assert.rejects(client.request('Patient/smart-p'), (e) => /410|Gone|deleted/i.test(String(e)));
console.log('fhirclient is content');
