import { useQuery } from '@tanstack/react-query';
import { sessionQuery } from '@/lib/api/queries';

/** Whether who is signed in is an administrator. The server decides; this only spares a member what would be refused. */
export function useAdmin(): boolean {
  const { data } = useQuery(sessionQuery);
  return data?.user.role !== 'member';
}
