// Sets the colour scheme before the first paint. A file, not an inline script: the content security policy allows no inline code.
(function () {
  var wanted = null;
  try {
    wanted = localStorage.getItem('mooring-color-scheme');
  } catch {
    // Storage may be blocked; the system's preference is the answer then.
  }
  if (wanted !== 'light' && wanted !== 'dark') {
    wanted = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  }
  document.documentElement.setAttribute('data-mantine-color-scheme', wanted);
})();
