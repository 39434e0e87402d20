// What the server is asked, and its refusals.

import { authorization } from "./token.js";
import { matrix } from "./npy.js";

export class Refused extends Error {
  constructor(status, error, after) {
    super(error.message);
    Object.assign(this, { status, after, code: error.code, field: error.field });
  }
}

// A verb's answer.
export async function ask(verb, fields, signal) {
  const answer = await asked(verb, fields, "application/json", signal);
  return answer.json();
}

// Rows of a verb as float32, {values, rows, width}.
export async function askNumbers(verb, fields) {
  const answer = await asked(verb, fields, "application/x-npy");
  return matrix(await answer.arrayBuffer());
}

// A document of the explorer's; what is not ready yet is asked for again.
export async function get(path, waiting = () => {}) {
  for (;;) {
    const answer = await fetch(path, { headers: authorization() });
    if (answer.ok) return answer;
    const refused = await refusal(answer);
    if (refused.status !== 503) throw refused;
    waiting(refused.message);
    await new Promise((resolve) => setTimeout(resolve, 1000 * (refused.after || 1)));
  }
}

async function asked(verb, fields, accepted, signal) {
  const answer = await fetch(verb, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: accepted, ...authorization() },
    body: JSON.stringify(fields),
    signal,
  });
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

async function refusal(answer) {
  const after = Number(answer.headers.get("Retry-After")) || 0;
  try {
    return new Refused(answer.status, (await answer.json()).error, after);
  } catch {
    return new Refused(answer.status, { message: `the server answered ${answer.status}` }, after);
  }
}
