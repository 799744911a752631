// Ember as a SMART app: launched by an EHR or standalone, by authorization code with PKCE.
// The token stays in memory; what is shown is text and never markup.
(() => {
  'use strict';
  const say = (text, failed) => {
    const state = document.getElementById('state');
    state.textContent = text;
    state.classList.toggle('failed', Boolean(failed));
  };
  const trim = (address) => address.replace(/\/+$/, '');
  const base64url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
  const json = async (response, what) => {
    if (!response.ok) throw new Error(what + ' answered ' + response.status);
    return response.json();
  };
  const settings = async () => json(await fetch('config.json'), 'Ember');

  // launch asks for authorization. Only servers of the settings may launch: another one
  // could send the user anywhere.
  async function launch() {
    const asked = new URLSearchParams(location.search);
    const set = await settings();
    const iss = trim(asked.get('iss') || set.launchers[0] || '');
    if (!set.launchers.map(trim).includes(iss)) throw new Error('This server may not launch Ember. Its address must be one of smart-launchers.');
    const smart = await json(await fetch(iss + '/.well-known/smart-configuration', { headers: { Accept: 'application/json' } }), 'The EHR');
    if (!smart.authorization_endpoint || !smart.token_endpoint) throw new Error('The EHR does not say where apps are authorized.');
    const verifier = random();
    const state = random();
    const redirect = new URL('app.html', location.href).href;
    const challenge = base64url(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)));
    sessionStorage.setItem('smart ' + state, JSON.stringify({ iss, token: smart.token_endpoint, verifier, redirect }));
    const scopes = set.scopes.filter((s) => asked.get('launch') ? s !== 'launch/patient' : s !== 'launch');
    const ask = new URLSearchParams({ response_type: 'code', client_id: set.client, redirect_uri: redirect, scope: scopes.join(' '), state, aud: iss, code_challenge: challenge, code_challenge_method: 'S256' });
    if (asked.get('launch')) ask.set('launch', asked.get('launch'));
    const to = new URL(smart.authorization_endpoint);
    for (const [name, value] of ask) to.searchParams.set(name, value);
    location.replace(to.href);
  }

  // exchange makes a token of the code. Where Ember has a key of its own, Ember does it and
  // signs for the app.
  async function exchange() {
    const came = new URLSearchParams(location.search);
    history.replaceState(null, '', location.pathname);
    if (came.get('error')) throw new Error('Not authorized: ' + (came.get('error_description') || came.get('error')));
    const key = 'smart ' + came.get('state');
    const kept = JSON.parse(sessionStorage.getItem(key) || 'null');
    sessionStorage.removeItem(key);
    if (!kept || !came.get('code')) throw new Error('This page was not launched. Open launch.html.');
    const set = await settings();
    const form = new URLSearchParams({ grant_type: 'authorization_code', code: came.get('code'), redirect_uri: kept.redirect, code_verifier: kept.verifier });
    form.set(set.signs ? 'iss' : 'client_id', set.signs ? kept.iss : set.client);
    const grant = await json(await fetch(set.signs ? 'token' : kept.token, { method: 'POST', body: form, headers: { Accept: 'application/json' } }), 'The authorization server');
    if (!grant.access_token) throw new Error('The authorization server gave no token.');
    if (!grant.patient) throw new Error('The EHR names no patient. The scope launch or launch/patient is needed.');
    return { token: grant.access_token, patient: String(grant.patient).replace(/^Patient\//, '') };
  }

  const add = (to, name, text, kind) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    to.append(made);
    return made;
  };
  const percent = (p) => (p < 0.01 ? 'below 1' : Math.round(100 * p)) + ' %';
  const named = (code) => code.display || code.code;

  function item(section, x) {
    const box = add(section, 'article');
    const head = add(box, 'h3', named(x.code));
    const right = add(head, 'span', percent(x.probability) + ' ');
    const meter = add(right, 'meter');
    meter.value = x.probability;
    meter.title = 'how often it is ordered in such situations';
    add(box, 'div', x.status + (x.similar && x.similar.received !== null ? ' · ' + x.similar.received + ' of ' + x.similar.n + ' similar patients received it' : ''), 'status');
    const list = add(box, 'ul');
    for (const r of x.reasons) {
      const from = r.sources && r.sources.length ? ' (' + r.sources.join(', ') + ')' : '';
      add(list, 'li', (r.weight >= 0 ? '+' : '−') + Math.abs(r.weight).toFixed(2) + ' ' + r.text + from);
    }
    for (const w of x.warnings) add(list, 'li', w.text + ' — rule ' + w.rule + (w.citation ? ', ' + w.citation : ''), 'warning');
  }

  function show(id, answer) {
    const section = document.getElementById(id);
    section.hidden = false;
    if (answer.abstained) add(section, 'p', 'No recommendation: ' + (answer.abstainReason || 'too little is known.'), 'failed');
    for (const x of answer.items) item(section, x);
    if (!answer.abstained && !answer.items.length) add(section, 'p', 'Nothing stands out.');
    for (const s of answer.sets) add(section, 'p', 'To hold ' + percent(s.coverage) + ' of what is ordered next, the list would need ' + s.size + ' entries (down to ' + percent(s.probability) + ').', 'small');
    for (const b of answer.blocked) {
      const box = add(section, 'article', undefined, 'blocked');
      add(box, 'h3', named(b.code) + ' is not recommended');
      const list = add(box, 'ul');
      for (const r of b.reasons) add(list, 'li', r.text + ' — rule ' + r.rule + (r.sources.length ? ' (' + r.sources.join(', ') + ')' : ''));
    }
    for (const u of answer.unchecked) add(section, 'p', 'Not checked: ' + u, 'warning');
    for (const d of answer.degraded) add(section, 'p', 'Answered without ' + d + ', which failed.', 'warning');
    add(section, 'p', 'Model ' + answer.model.version + ', rules ' + answer.rules + ', checks: ' + answer.checks.join(', '), 'small');
    document.getElementById('use').textContent = answer.intendedUse;
  }

  async function ask(grant, want) {
    const response = await fetch('../v1/patients/' + encodeURIComponent(grant.patient) + '/recommendations?want=' + want, { headers: { Authorization: 'Bearer ' + grant.token, Accept: 'application/json' } });
    if (response.ok) return show(want, await response.json());
    const outcome = await response.json().catch(() => ({}));
    const issue = (outcome.issue || [])[0] || {};
    throw new Error(((issue.details || {}).text || 'Ember answered ' + response.status) + (issue.diagnostics ? ' — ' + issue.diagnostics : ''));
  }

  async function app() {
    const grant = await exchange();
    say('Patient ' + grant.patient);
    await Promise.all([ask(grant, 'treatments'), ask(grant, 'tests')]);
    document.body.dataset.ready = 'true';
  }

  const page = { launch, app }[document.currentScript.dataset.page];
  page().catch((error) => say(error.message, true));
})();
