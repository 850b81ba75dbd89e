import { testChecks } from "./acceptance/as-tests.ts";
import { independenceCheck } from "./acceptance/independence.ts";
import { faultsCheck, sessionCheck } from "./acceptance/session.ts";

testChecks([sessionCheck, faultsCheck, independenceCheck]);
