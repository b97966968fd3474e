import '@/theme/styles';
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { colourSchemeManager } from '@/app/colourScheme';
import { createAppRouter } from '@/app/router';
import { ApiError } from '@/lib/api/client';
import { giveNonceToStyles, nonce } from '@/lib/csp';
import { cssVariablesResolver, theme } from '@/theme/theme';

giveNonceToStyles();

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      // Answers of the server are final; only a lost or restarting server is asked again.
      retry: (failures, error) => failures < 3 && error instanceof ApiError && (error.status === 0 || error.status >= 502),
      refetchOnWindowFocus: true,
    },
  },
});
const router = createAppRouter(client);
const root = document.getElementById('root');
if (!root) throw new Error('index.html has no #root');

createRoot(root).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={cssVariablesResolver} colorSchemeManager={colourSchemeManager} defaultColorScheme="auto" getStyleNonce={() => nonce}>
      <QueryClientProvider client={client}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
