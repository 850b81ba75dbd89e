import { testChecks } from "./acceptance/as-tests.ts";
import { independenceCheck } from "./acceptance/independence.ts";
import { sessionCheck } from "./acceptance/session.ts";
import { sinkAwayCheck } from "./acceptance/sink-away.ts";

testChecks([sessionCheck, independenceCheck, sinkAwayCheck]);
