/** Before each test file: dozens of clients share the machine, and kafkajs' timers would be most of its work. */
import { slowPastTimers } from '../../src/kafka/past-timers';

slowPastTimers();
