// The token of a server that asks for one: taken from the fragment, kept for this tab, never part of a link.

const NAME = "lowerbound-token";

export function takeToken() {
  const said = new URLSearchParams(location.hash.slice(1));
  const token = said.get("token");
  if (token === null) return;
  sessionStorage.setItem(NAME, token);
  said.delete("token");
  history.replaceState(null, "", said.size ? `#${said}` : location.pathname + location.search);
}

export function authorization() {
  const token = sessionStorage.getItem(NAME);
  return token === null ? {} : { Authorization: `Bearer ${token}` };
}
