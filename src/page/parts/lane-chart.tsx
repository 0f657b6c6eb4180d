/** Swim lanes of a group's sessions; what is drawn stands in the titles of its parts, and in words in a list below. */
import { useMemo } from 'preact/hooks';
import type { GroupTimeline } from '../../service/schemas';
import { counted, time } from '../logic/format';
import { type Lane, type LaneMark, lanesOf } from '../logic/lanes';
import { visible } from '../logic/visible';
import { causeShape } from '../logic/words';
import { useLead, useZone } from '../state';
import { iconPath } from './cause';
import { LaneWords } from './lane-words';
import { Name } from './text';
import { InstrumentEmpty } from './told';

const LANES_SHOWN = 40;

export function LaneChart({ timeline }: { timeline: GroupTimeline }) {
  const zone = useZone();
  const all = useMemo(() => lanesOf(timeline), [timeline]);
  const { lanes, generations, outside, now } = all;
  if (lanes.length === 0 && generations.length === 0 && outside.length === 0) {
    return (
      <InstrumentEmpty>
        No consumer of this group was seen within this time. Members show once they are instrumented:
      </InstrumentEmpty>
    );
  }
  const shown = lanes.slice(-LANES_SHOWN);
  return (
    <div class="lanes">
      {generations.length === 0 && outside.length === 0 ? null : (
        <div class="lane">
          <div class="who">
            The group<span class="note">as seen from outside</span>
          </div>
          <svg>
            <title>{`${counted(generations.length, 'generation')} seen from outside, ${counted(outside.length, 'finding')}`}</title>
            <rect class="lane-ground" x="0" y="4" width={share(now)} height="22" />
            {generations.map(({ at, words }, i) => (
              <line key={i} class="lane-generation" x1={share(at)} x2={share(at)} y1="4" y2="26">
                <title>{words}</title>
              </line>
            ))}
            <Marks marks={outside} />
          </svg>
        </div>
      )}
      {shown.map((lane) => (
        <OneLane key={lane.key} lane={lane} now={now} />
      ))}
      <div class="lane">
        <span />
        <div class="lane-axis">
          <span>{time(timeline.since, zone)}</span>
          {now < 1 ? <span>now {time(timeline.known_until, zone)}</span> : null}
          <span>{time(timeline.until, zone)}</span>
        </div>
      </div>
      <LaneWords lanes={all} />
      {lanes.length > shown.length || timeline.truncated ? (
        <p class="note">There is more than is shown here. Take a shorter time above.</p>
      ) : null}
    </div>
  );
}

/** Behind `now` nothing is drawn: it has not come. */
function OneLane({ lane, now }: { lane: Lane; now: number }) {
  const { pieces, marks } = lane;
  return (
    <div class="lane">
      <div class="who">
        <Name text={lane.name} max={60} />
        <span class="note">
          {visible(lane.place, 60)}
          {lane.isOutside ? ', seen from outside' : ''}
        </span>
      </div>
      <svg>
        <title>{laneWords(lane)}</title>
        <rect class="lane-ground" x="0" y="4" width={share(now)} height="22" />
        <rect
          class="lane-life"
          x={share(lane.from)}
          y="4"
          width={share(Math.max(0, lane.to - lane.from))}
          height="22"
        >
          <title>{`${visible(lane.name, 100)}, ${lane.lives ? 'lives' : 'ended'}`}</title>
        </rect>
        {pieces.map((piece, i) => (
          <g key={i}>
            <rect
              class={i % 2 === 0 ? 'lane-piece' : 'lane-piece odd'}
              x={share(piece.from)}
              y="4"
              width={share(Math.max(0.002, piece.to - piece.from))}
              height="22"
            >
              <title>{visible(piece.words, 300)}</title>
            </rect>
            {piece.to - piece.from > 0.06 && piece.generation !== null ? (
              <text class="lane-text" x={share(piece.from)} dx="4" y="24">
                {`gen ${piece.generation}`}
              </text>
            ) : null}
          </g>
        ))}
        <Marks marks={marks} />
      </svg>
    </div>
  );
}

function Marks({ marks }: { marks: readonly LaneMark[] }) {
  const lead = useLead();
  return (
    <>
      {[...marks].reverse().map((mark, i) => {
        const drawn = (
          <svg class={`lane-mark ${mark.kind}`} x={share(mark.at)} y="12" overflow="visible">
            <title>{visible(mark.words, 300)}</title>
            <circle r="7.5" />
            <path
              transform="translate(-5.6 -5.6) scale(0.7)"
              d={iconPath(mark.kind === 'end' ? endShape(mark.cause) : causeShape(mark.cause))}
            />
          </svg>
        );
        if (mark.incident === null) return <g key={i}>{drawn}</g>;
        return (
          <a
            key={i}
            href={lead({ name: 'incident', id: mark.incident })}
            aria-label={visible(mark.words, 300)}
          >
            {drawn}
          </a>
        );
      })}
    </>
  );
}

function endShape(how: string) {
  return how === 'died' ? ('bolt' as const) : how === 'crash' ? ('cross' as const) : ('stop' as const);
}

function laneWords({ name, pieces, marks, lives }: Lane): string {
  const found = marks.filter(({ kind }) => kind !== 'end').length;
  const end = marks.find(({ kind }) => kind === 'end')?.words ?? (lives ? 'lives' : 'ended later');
  return `${visible(name, 60)}: ${counted(pieces.length, 'assignment')}, ${counted(found, 'finding')}, ${end}`;
}

function share(part: number): string {
  return `${Number((part * 100).toFixed(3))}%`;
}
