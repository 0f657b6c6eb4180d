import { Lead } from '../parts/lead';
import { Name } from '../parts/text';

export function UnknownScreen({ path }: { path: string }) {
  return (
    <>
      <h1>There is no such screen</h1>
      <p>
        <Name text={path} /> leads nowhere. <Lead to={{ name: 'overview' }}>To the overview</Lead>, or search
        above.
      </p>
    </>
  );
}
