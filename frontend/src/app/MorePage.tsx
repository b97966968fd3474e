/** The phone's fifth tab: everything that has no tab of its own. */
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { HardDrive, LogOut, Network, Package, Plus, ScrollText, Settings, SunMoon } from 'lucide-react';
import { sessionQuery } from '@/lib/api/queries';
import { shell } from '@/messages';
import classes from './MorePage.module.css';
import { Page } from './Page';
import { useSignOut, useToggleScheme } from './Shell';

export function MorePage() {
  const { data: session } = useQuery(sessionQuery);
  const toggle = useToggleScheme();
  const signOut = useSignOut();
  const links = [
    { to: '/run', icon: Plus, label: shell.commands.run },
    { to: '/images', icon: Package, label: shell.nav.images },
    { to: '/volumes', icon: HardDrive, label: shell.nav.volumes },
    { to: '/networks', icon: Network, label: shell.nav.networks },
    { to: '/audit', icon: ScrollText, label: shell.nav.audit },
    { to: '/settings', icon: Settings, label: shell.nav.settings },
  ];
  return (
    <Page title={shell.nav.more} count={session?.user.username}>
      <nav className={classes.list} aria-label={shell.nav.more}>
        {links.map(({ to, icon: Icon, label }) => (
          <Link key={to} to={to}>
            <Icon aria-hidden /> {label}
          </Link>
        ))}
        <button type="button" onClick={toggle}>
          <SunMoon aria-hidden /> {shell.commands.theme}
        </button>
        <button type="button" onClick={() => void signOut()}>
          <LogOut aria-hidden /> {shell.signOut}
        </button>
      </nav>
    </Page>
  );
}
