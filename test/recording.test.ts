import { testChecks } from "./acceptance/as-tests.ts";
import { independenceCheck } from "./acceptance/independence.ts";
import { sessionCheck } from "./acceptance/session.ts";

testChecks([sessionCheck, independenceCheck]);
