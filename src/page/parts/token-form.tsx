/** The service wants its token. It is kept for this tab alone, and sent to no one else. */
export function TokenForm({ isWrong, onToken }: { isWrong: boolean; onToken: (token: string) => void }) {
  const give = (event: SubmitEvent) => {
    event.preventDefault();
    const token = String(new FormData(event.currentTarget as HTMLFormElement).get('token')).trim();
    if (token !== '') onToken(token);
  };
  return (
    <main class="token">
      <h1>Dupescope</h1>
      <p>
        This service needs its token: what <code>DUPESCOPE_TOKEN</code> or <code>--token-file</code> was
        given.
      </p>
      <form onSubmit={give}>
        <label>
          Token
          <input type="password" name="token" autocomplete="current-password" required />
        </label>
        <button type="submit">Open</button>
      </form>
      {isWrong ? (
        <p class="trouble" role="alert">
          The service refused that token.
        </p>
      ) : null}
    </main>
  );
}
