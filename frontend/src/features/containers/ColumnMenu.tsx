import { ActionIcon, Popover } from '@mantine/core';
import { Columns3 } from 'lucide-react';
import { common } from '@/messages';
import { Seg } from '@/ui/Seg';
import classes from './ColumnMenu.module.css';
import { optionalColumns, type ColumnChoice } from './useColumnChoice';

export function ColumnMenu({ choice }: { choice: ColumnChoice }) {
  return (
    <Popover trapFocus>
      <Popover.Target>
        <ActionIcon aria-label={common.columns} title={common.columns}>
          <Columns3 aria-hidden />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown>
        <div className={classes.head}>{common.columns}</div>
        {optionalColumns.map(([name, label]) => (
          <label key={name} className={classes.item}>
            <input type="checkbox" className="checkbox" checked={choice.visibility[name] ?? true} onChange={() => choice.toggle(name)} /> {label}
          </label>
        ))}
        <div className={classes.foot}>
          {common.density}
          <Seg
            label={common.density}
            value={choice.density}
            onChange={choice.setDensity}
            options={[
              { value: 'dense', label: common.dense },
              { value: 'roomy', label: common.roomy },
            ]}
          />
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}
