import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { mockPlane } from './src/testing/mockPlane.ts';

/**
 * `base` is where Django's static files live; `outDir` is what it serves.
 * `MOORING_MOCK=1` answers the API from `src/testing` (dev and preview only, never part of the bundle);
 * otherwise `npm run dev` hands /api and /ws to a plane at MOORING_DEV_PLANE.
 */
const plane = process.env.MOORING_DEV_PLANE ?? 'http://127.0.0.1:8000';
const mocked = process.env.MOORING_MOCK === '1';

export default defineConfig({
  base: '/static/',
  plugins: [react(), ...(mocked ? [mockPlane()] : [])],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  worker: { format: 'es' },
  build: {
    outDir: 'dist',
    manifest: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
    rolldownOptions: {
      output: {
        advancedChunks: {
          groups: [
            { name: 'react', test: /node_modules[\\/](react|react-dom|scheduler)[\\/]/ },
            { name: 'mantine', test: /node_modules[\\/](@mantine|@floating-ui|react-remove-scroll|react-style-singleton|get-nonce)/ },
            { name: 'tanstack', test: /node_modules[\\/]@tanstack[\\/](react-query|query-core|react-router|router-core|history|store|react-store)/ },
          ],
        },
      },
    },
  },
  server: mocked
    ? {}
    : { proxy: { '/api': { target: plane, changeOrigin: false }, '/ws': { target: plane, ws: true, changeOrigin: false } } },
});
