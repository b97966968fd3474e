/** Live charts, and what runs inside. */
import { useQuery } from '@tanstack/react-query';
import { ChartLine } from 'lucide-react';
import { NotRunning } from '@/features/container/NotRunning';
import { useContainer } from '@/features/container/useContainer';
import { topQuery } from '@/lib/api/queries';
import { container as words } from '@/messages';
import { Card } from '@/ui/Card';
import cardClasses from '@/ui/Card.module.css';
import { Charts } from './Charts';

export function StatsTab() {
  const container = useContainer();
  const running = container.state === 'running' && !container.stale;
  const { data: top } = useQuery({ ...topQuery(container.host.id, container.id), enabled: running, refetchInterval: 5000 });
  if (!running && container.state !== 'paused') return <NotRunning container={container} icon={<ChartLine aria-hidden />} text={words.notRunning} />;
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling area must be reachable by keyboard
    <div className={cardClasses.scroll} tabIndex={0} role="region" aria-label={words.tabs.stats}>
      <Charts container={container} large />
      {top && running && (
        <Card title={words.card.processes} right={top.processes.length} top>
          {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling area must be reachable by keyboard */}
          <div className={cardClasses.wide} tabIndex={0} role="region" aria-label={words.processList}>
            <table className={cardClasses.list}>
              <thead>
                <tr>
                  {top.titles.map((title) => (
                    <th key={title} scope="col">
                      {title}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {top.processes.map((process, row) => (
                  <tr key={row}>
                    {process.map((value, column) => (
                      <td key={column} className="mono" title={value}>
                        {value}
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </Card>
      )}
    </div>
  );
}
