import { useLocation } from '@tanstack/react-router';
import { common } from '@/messages';
import { Empty } from '@/ui/Empty';
import { ButtonLink } from '@/ui/links';

export function NotFound() {
  const path = useLocation({ select: (location) => location.pathname });
  return (
    <main id="content">
    <Empty
      asPage
      art="slack"
      title={common.notFoundTitle}
      actions={
        <ButtonLink variant="filled" to="/">
          {common.toOverview}
        </ButtonLink>
      }
    >
      <p>{common.notFoundText(path)}</p>
    </Empty>
    </main>
  );
}
