/** The container of the page: every tab reads the same cached answer. */
import { useSuspenseQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { containerQuery } from '@/lib/api/queries';
import type { ContainerDetail } from '@/lib/api/types';

export function useContainer(): ContainerDetail {
  const { host, id } = useParams({ from: '/shell/containers/$host/$id' });
  return useSuspenseQuery(containerQuery(host, id)).data;
}
