/** The lines that point a docker client on another machine at this control plane. */

/** The token stands in a configuration of its own: the client sends its headers to whatever it talks to. */
export function dockerLines(origin: string, token: string): string {
  const { protocol, hostname, port } = new URL(origin);
  const secure = protocol === 'https:';
  const address = `tcp://${hostname}:${port || (secure ? '443' : '80')}/env/default`;
  const authority = secure ? ',ca=/etc/ssl/certs/ca-certificates.crt' : '';
  return [
    'export DOCKER_CONFIG=~/.mooring && install -d -m 700 $DOCKER_CONFIG',
    `echo '{ "HttpHeaders": { "Authorization": "Bearer ${token}" } }' > $DOCKER_CONFIG/config.json`,
    `docker context create mooring --docker "host=${address}${authority}"`,
    'docker --context mooring ps',
  ].join('\n');
}
