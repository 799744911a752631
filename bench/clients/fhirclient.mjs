// A SMART app by fhirclient, for Node: launched by an EHR and standalone, with PKCE; reads
// and searches the FHIR server whose address is given, with what it was granted.
//
//     node bench/clients/fhirclient.mjs http://HOST:PORT/fhir LAUNCH PATIENT OTHER
//
// The package is found from the working directory. The browser is played by fetch: the
// authorization server lets everybody in at once.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const smart = createRequire(join(process.cwd(), 'x.js'))('fhirclient');
const [base, launch, patient, other] = process.argv.slice(2);

// One session, as the one user there is.
const kept = new Map();
const storage = { get: async (key) => kept.get(key), set: async (key, value) => (kept.set(key, value), value), unset: async (key) => kept.delete(key) };

async function app(launched, scope, use) {
  let failure;
  let used = false;
  const server = createServer(async (request, response) => {
    try {
      const api = smart(request, response, storage);
      if (request.url.startsWith('/launch')) {
        await api.authorize({ clientId: 'fhirclient-app', scope, redirectUri: '/app', pkceMode: 'required', ...(launched ? {} : { iss: base }) });
        return;
      }
      await use(await api.ready());
      used = true;
      response.end('done');
    } catch (error) {
      failure = error;
      response.statusCode = 500;
      response.end(String(error));
    }
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const own = `http://127.0.0.1:${server.address().port}`;
  const query = launched ? `?iss=${encodeURIComponent(base)}&launch=${encodeURIComponent(launch)}` : '';
  const text = await (await fetch(own + '/launch' + query)).text(); // follows to the authorization server and back
  server.close();
  if (failure) throw failure;
  assert.ok(used, 'the app was not opened: ' + text);
}

const refused = async (asked, status) => {
  await assert.rejects(asked, (error) => error.status === status || error.statusCode === status || String(error).includes(String(status)));
};

await app(true, 'launch openid fhirUser patient/Patient.read patient/Observation.read', async (client) => {
  assert.equal(client.patient.id, patient);
  assert.equal((await client.patient.read()).id, patient);
  const seen = await client.request('Observation?_count=1', { pageLimit: 0, flat: true });
  assert.ok(seen.length > 1, 'pages are followed');
  for (const r of seen) assert.equal(r.subject.reference, 'Patient/' + patient);
  const resolved = await client.request(`Observation/${seen[0].id}`, { resolveReferences: ['subject'] });
  assert.equal(resolved.subject.id, patient);
  assert.equal((await client.request(`Observation?patient=${other}`)).entry?.length ?? 0, 0);
  await refused(client.request('Patient/' + other), 404);
  await refused(client.request('Condition'), 403);
  await refused(client.create({ resourceType: 'Observation', status: 'final', code: { text: 'x' }, subject: { reference: 'Patient/' + patient } }), 403);
});
kept.clear();
await app(false, 'launch/patient patient/Observation.rs?category=laboratory patient/Observation.c', async (client) => {
  const seen = await client.request('Observation', { pageLimit: 0, flat: true });
  assert.ok(seen.length > 0);
  for (const r of seen) assert.equal(r.category[0].coding[0].code, 'laboratory');
  const category = [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'laboratory' }] }];
  const made = await client.create({ resourceType: 'Observation', status: 'final', category, code: { text: 'x' }, subject: { reference: 'Patient/' + client.patient.id } });
  assert.ok(made.id);
  await refused(client.create({ resourceType: 'Observation', status: 'final', code: { text: 'x' }, subject: { reference: 'Patient/' + other } }), 403);
  await refused(client.delete('Observation/' + made.id), 404);
});
console.log('fhirclient: launched by an EHR and standalone');
