import { expect, test } from 'vitest';
import { dockerLines } from './dockerLines';

test('a TLS address names its port and whom to trust', () => {
  const lines = dockerLines('https://plane.example', 'mrt_x').split('\n');
  expect(lines[1]).toContain('"Bearer mrt_x"');
  expect(lines[2]).toBe('docker context create mooring --docker "host=tcp://plane.example:443/env/default,ca=/etc/ssl/certs/ca-certificates.crt"');
});

test('a plain address is used as it is', () => {
  expect(dockerLines('http://127.0.0.1:8420', 't')).toContain('"host=tcp://127.0.0.1:8420/env/default"');
});
