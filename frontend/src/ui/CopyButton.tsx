/** Copies a text and says so in its own place. */
import { ActionIcon, Button } from '@mantine/core';
import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import { common } from '@/messages';

const SHOWN_MS = 1600;

/** Clipboard access needs a secure origin; over plain HTTP the old command is what is left. */
async function copyText(text: string): Promise<void> {
  if (window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement('textarea');
  area.value = text;
  area.setAttribute('readonly', '');
  area.style.position = 'fixed';
  area.style.opacity = '0';
  document.body.append(area);
  area.select();
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- nothing else copies on an insecure origin
  document.execCommand('copy');
  area.remove();
}

interface Props {
  text: string;
  label: string;
  icon?: boolean;
}

export function CopyButton({ text, label, icon = false }: Props) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = () => {
    void copyText(text).then(() => setCopied(true));
  };
  const symbol = copied ? <Check aria-hidden /> : <Copy aria-hidden />;
  if (icon) {
    return (
      <ActionIcon onClick={copy} aria-label={copied ? common.copied : label} title={label} variant="subtle" size={22}>
        {symbol}
      </ActionIcon>
    );
  }
  return (
    <Button variant="subtle" onClick={copy} leftSection={symbol}>
      {copied ? common.copied : label}
    </Button>
  );
}
