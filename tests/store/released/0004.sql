BEGIN TRANSACTION;
CREATE TABLE darse_alerts (
	rule VARCHAR(128) NOT NULL, 
	body TEXT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	PRIMARY KEY (rule)
);
CREATE TABLE darse_artifacts (
	digest VARCHAR(64) NOT NULL, 
	content BLOB NOT NULL, 
	PRIMARY KEY (digest)
);
CREATE TABLE darse_asks (
	study VARCHAR(128) NOT NULL, 
	ordinal INTEGER NOT NULL, 
	trial VARCHAR(64) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	PRIMARY KEY (study, ordinal), 
	CONSTRAINT uq_darse_asks_study_trial UNIQUE (study, trial), 
	FOREIGN KEY(study) REFERENCES darse_studies (id), 
	FOREIGN KEY(trial) REFERENCES darse_trials (id)
);
INSERT INTO "darse_asks" VALUES('5555555555555555555555555555555555555555555555555555555555555555',0,'9e803644163f49f5faa0a22a71d41736','c1721cd352bbc244da4dcaca277e5ed6d24ef122a6a71c26ed4fa614fd493e8a');
INSERT INTO "darse_asks" VALUES('5555555555555555555555555555555555555555555555555555555555555555',1,'3a6530ff978f3ca72ded01ac23a3e06d','46a78a221bf22a7a6a56193ea0a70f0a92c0f577ff3be0ae19803270f762a508');
INSERT INTO "darse_asks" VALUES('5555555555555555555555555555555555555555555555555555555555555555',2,'cea33c92c7c49c47abe8a7337af08698','2634c2cfafffd2e0a957015c81ef9b7ea519c4976bae04e78a07a56ac5872da0');
INSERT INTO "darse_asks" VALUES('5555555555555555555555555555555555555555555555555555555555555555',3,'cbb8d130e41600d8c0c3af0a793b9e77','2aebe21da8a4c773e5d7a51566bcdb5bc15315781ea7116e722fe2d51939039e');
INSERT INTO "darse_asks" VALUES('5555555555555555555555555555555555555555555555555555555555555555',4,'c3624f57316c4f5239b2e66d0f5dbec4','1ad4b86e6d078d4fff5d86d164027ab46683f87ed8451d0f63cda1c19ad40e0a');
INSERT INTO "darse_asks" VALUES('5555555555555555555555555555555555555555555555555555555555555555',5,'42114b8b470c53321ac0794d7ef413d2','23bd4ba3a4b90eb1fb5d30af13b7b9ae896d408601fb5ed87b55712906aa3e5e');
INSERT INTO "darse_asks" VALUES('5555555555555555555555555555555555555555555555555555555555555555',6,'d244667c4fe62faad00ab1300791c584','43da6f12915bcbd06761fba69588298bba7de20464b6d2ebb9e16fd908163d7e');
INSERT INTO "darse_asks" VALUES('5555555555555555555555555555555555555555555555555555555555555555',7,'938ed791b7394323453bb3c724aa3fb6','739e0003e14bf0e6acee34153bf58b3c81930a5b0b09020c53e3de828dca7b84');
INSERT INTO "darse_asks" VALUES('5555555555555555555555555555555555555555555555555555555555555555',8,'f59338f2ea96865b41dd68aaf01e3744','60efb959c54de0a697d1ba54916ec1311c35e1318280bd3b51da216db93c059d');
INSERT INTO "darse_asks" VALUES('5555555555555555555555555555555555555555555555555555555555555555',9,'f87f66ebda260b5b1d5653757fd59665','02190bd31e4eb7fedd70541908dbe8879487b910792170151ae237351ab57c17');
INSERT INTO "darse_asks" VALUES('5555555555555555555555555555555555555555555555555555555555555555',10,'a770515b923318ddf12d8e510c8c6444','45ae9fbee58aad8655ea9fde074a1f439f1521ea20662befc7ad9cefb6c16461');
INSERT INTO "darse_asks" VALUES('5555555555555555555555555555555555555555555555555555555555555555',11,'d96016798cfff4ac2d168f476cf2a644','9226ffa841c08d574ae259c2a1b94cc265e99f27b21d03f45fe1f308408294e0');
INSERT INTO "darse_asks" VALUES('7777777777777777777777777777777777777777777777777777777777777777',0,'9e803644163f49f5faa0a22a71d41736','2822f7274d600656a1fa0e639579e3e35d7892eb5fd5ea54125e8767dde944a9');
INSERT INTO "darse_asks" VALUES('7777777777777777777777777777777777777777777777777777777777777777',1,'3a6530ff978f3ca72ded01ac23a3e06d','fe7407e710524112e15383bb5af0ab0e9e05a6902ff32fbae786bf9996e03d4d');
INSERT INTO "darse_asks" VALUES('7777777777777777777777777777777777777777777777777777777777777777',2,'cea33c92c7c49c47abe8a7337af08698','44ffd52f82dbae51af09f657c2245301907278010b24d81fe1b4733014ed4ced');
INSERT INTO "darse_asks" VALUES('7777777777777777777777777777777777777777777777777777777777777777',3,'cbb8d130e41600d8c0c3af0a793b9e77','99ebc8e494a1ee48a23ee0caaa9dd62135bad2ac06de1c58454d4ec43bab001d');
INSERT INTO "darse_asks" VALUES('7777777777777777777777777777777777777777777777777777777777777777',4,'c3624f57316c4f5239b2e66d0f5dbec4','7532ada3a52373859bb7ade236c6f0bf7477ffe5e1bbf66713efbf3083d54147');
INSERT INTO "darse_asks" VALUES('7777777777777777777777777777777777777777777777777777777777777777',5,'42114b8b470c53321ac0794d7ef413d2','4c3ad744efcfd89204a0faba943e257ebada8ee0222bde63df0b810433fdb218');
CREATE TABLE darse_baselines (
	number INTEGER NOT NULL, 
	time DOUBLE NOT NULL, 
	name VARCHAR(128) NOT NULL, 
	body TEXT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	PRIMARY KEY (number)
);
CREATE TABLE darse_cells (
	id VARCHAR(64) NOT NULL, 
	time DOUBLE NOT NULL, 
	entry VARCHAR(64) NOT NULL, 
	data VARCHAR(64) NOT NULL, 
	body TEXT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE darse_events (
	study VARCHAR(128) NOT NULL, 
	ordinal INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	PRIMARY KEY (study, ordinal), 
	FOREIGN KEY(study) REFERENCES darse_studies (id)
);
INSERT INTO "darse_events" VALUES('5555555555555555555555555555555555555555555555555555555555555555',0,'{"detail":{"pid":1},"kind":"started","time":1000.25}','2c1a49ed5f939c7adda9a2b4d75a64942ef8d10bf1232608b6cbf3b76736e4d9');
INSERT INTO "darse_events" VALUES('7777777777777777777777777777777777777777777777777777777777777777',0,'{"detail":{"pid":1},"kind":"started","time":2000.5}','df5176083b6b341285c0f87483a8bcc3e726e97c5c5cf29526d96a84c943aa6f');
INSERT INTO "darse_events" VALUES('5555555555555555555555555555555555555555555555555555555555555555',1,'{"detail":{"text":"last"},"kind":"note","time":3.0}','02e8e95874f2b67e73bea15ad6ebe576c046e7aeb751f1c5597b696f88b6e999');
CREATE TABLE darse_feedback (
	number INTEGER NOT NULL, 
	time DOUBLE NOT NULL, 
	"key" VARCHAR(128) NOT NULL, 
	label VARCHAR(256), 
	score DOUBLE, 
	digest VARCHAR(64) NOT NULL, 
	PRIMARY KEY (number)
);
CREATE TABLE darse_findings (
	study VARCHAR(128) NOT NULL, 
	stage VARCHAR(128) NOT NULL, 
	body TEXT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	PRIMARY KEY (study, stage), 
	FOREIGN KEY(study) REFERENCES darse_studies (id)
);
INSERT INTO "darse_findings" VALUES('5555555555555555555555555555555555555555555555555555555555555555','coarse','{"high":16,"low":4,"noise":0.012345678901234567}','96ef8fe58df74d897bf3caaa2706e0877e1bb72f481fcf351dad25ade1cf7047');
INSERT INTO "darse_findings" VALUES('5555555555555555555555555555555555555555555555555555555555555555','fine','{"rank":6}','621c5a1920036e836115f4e415d71b16e4e48441f23ed1b22423174af8d9b4d8');
CREATE TABLE darse_gates (
	number INTEGER NOT NULL, 
	time DOUBLE NOT NULL, 
	baseline VARCHAR(128) NOT NULL, 
	outcome VARCHAR(16) NOT NULL, 
	body TEXT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	PRIMARY KEY (number)
);
CREATE TABLE darse_ledger (
	id INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "darse_ledger" VALUES(1,'{"studies":2}','82a04a5ef3297690174b189417571a2f7866d2b63bb16bc547fa0eab2e7f42a8');
CREATE TABLE darse_minutes (
	minute INTEGER NOT NULL, 
	server VARCHAR(64) NOT NULL, 
	outcome VARCHAR(16) NOT NULL, 
	requests INTEGER NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	PRIMARY KEY (minute, server, outcome)
);
CREATE TABLE darse_served (
	number INTEGER NOT NULL, 
	time DOUBLE NOT NULL, 
	"key" VARCHAR(128) NOT NULL, 
	adapter VARCHAR(64) NOT NULL, 
	served_as VARCHAR(16) NOT NULL, 
	label VARCHAR(256), 
	score DOUBLE, 
	confidence DOUBLE, 
	characters INTEGER NOT NULL, 
	tokens INTEGER NOT NULL, 
	unknown INTEGER NOT NULL, 
	seconds DOUBLE NOT NULL, 
	body TEXT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	PRIMARY KEY (number)
);
CREATE TABLE darse_studies (
	id VARCHAR(128) NOT NULL, 
	body TEXT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "darse_studies" VALUES('5555555555555555555555555555555555555555555555555555555555555555','{"asked":12,"context":"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc","created":1000.25,"events":2,"findings":2,"name":"Gr\u00fc\u00dfe, \u5e02\u5834","settings":{"budget":null,"label_map":{"gut":"positive"},"rates":[0.1,1e-300,0.3333333333333333],"seeds":3},"state":"running"}','b27ed499b3501c0d021da0339f2627b34e93c3ffb8ae3810ea2ee661429a5153');
INSERT INTO "darse_studies" VALUES('7777777777777777777777777777777777777777777777777777777777777777','{"asked":6,"context":"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc","created":2000.5,"events":1,"findings":0,"name":"Gr\u00fc\u00dfe, \u5e02\u5834","settings":{"budget":null,"label_map":{"gut":"positive"},"rates":[0.1,1e-300,0.3333333333333333],"seeds":3},"state":"stopped"}','a29df591e01722f355fe0e84f700940fda04afcee904054bcb24945bff36ba87');
CREATE TABLE darse_trials (
	id VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	token INTEGER NOT NULL, 
	expires DOUBLE, 
	body TEXT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "darse_trials" VALUES('9e803644163f49f5faa0a22a71d41736','finished',1,NULL,'{"context":"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc","ended":2.0,"outcome":{"artifacts":{"weights":"0000000000000000000000000000000000000000000000000000000000000001"},"curve":[{"epoch":1,"score":0.1,"train_loss":0.7},{"epoch":2,"score":0.1,"train_loss":0.35}],"losses":"0000000000000000000000000000000000000000000000000000000000000000","metrics":{"accuracy":0.6666666666666666,"mse":5e-324},"score":0.1,"seconds":1.5},"reason":"","spec":{"epochs":3,"evaluator":"finetune","learning_rate":0.0003333333333333333,"parent":"","plan":[0,4,0],"seed":0},"worker":"worker"}','5c3be761ef4e5be08fee5b0f0b49d530140c810cfe47faa5e1ca4735ede7d956');
INSERT INTO "darse_trials" VALUES('3a6530ff978f3ca72ded01ac23a3e06d','finished',1,NULL,'{"context":"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc","ended":2.0,"outcome":{"artifacts":{"weights":"0000000000000000000000000000000000000000000000000000000000000002"},"curve":[{"epoch":1,"score":1.1,"train_loss":0.7},{"epoch":2,"score":1.1,"train_loss":0.35}],"losses":"0000000000000000000000000000000000000000000000000000000000000001","metrics":{"accuracy":0.6666666666666666,"mse":5e-324},"score":1.1,"seconds":1.5},"reason":"","spec":{"epochs":3,"evaluator":"finetune","learning_rate":0.0003333333333333333,"parent":"","plan":[0,4,1],"seed":0},"worker":"worker"}','3837d704dd36eb958718513141112022938968be67152d2e836d683e2ec6fc24');
INSERT INTO "darse_trials" VALUES('cea33c92c7c49c47abe8a7337af08698','finished',1,NULL,'{"context":"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc","ended":2.0,"outcome":{"artifacts":{"weights":"0000000000000000000000000000000000000000000000000000000000000003"},"curve":[{"epoch":1,"score":2.1,"train_loss":0.7},{"epoch":2,"score":2.1,"train_loss":0.35}],"losses":"0000000000000000000000000000000000000000000000000000000000000002","metrics":{"accuracy":0.6666666666666666,"mse":5e-324},"score":2.1,"seconds":1.5},"reason":"","spec":{"epochs":3,"evaluator":"finetune","learning_rate":0.0003333333333333333,"parent":"","plan":[0,4,2],"seed":0},"worker":"worker"}','724d1b5df2107cb850a8830d2a9287a83e751adbaf2b6ec96db86d9a3bc8dac7');
INSERT INTO "darse_trials" VALUES('cbb8d130e41600d8c0c3af0a793b9e77','finished',1,NULL,'{"context":"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc","ended":2.0,"outcome":{"artifacts":{"weights":"0000000000000000000000000000000000000000000000000000000000000004"},"curve":[{"epoch":1,"score":3.1,"train_loss":0.7},{"epoch":2,"score":3.1,"train_loss":0.35}],"losses":"0000000000000000000000000000000000000000000000000000000000000003","metrics":{"accuracy":0.6666666666666666,"mse":5e-324},"score":3.1,"seconds":1.5},"reason":"","spec":{"epochs":3,"evaluator":"finetune","learning_rate":0.0003333333333333333,"parent":"","plan":[0,4,3],"seed":0},"worker":"worker"}','678fa5be4f0397977849f492f629967880391dd6205b3d030c115f4024751743');
INSERT INTO "darse_trials" VALUES('c3624f57316c4f5239b2e66d0f5dbec4','finished',1,NULL,'{"context":"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc","ended":2.0,"outcome":{"artifacts":{"weights":"0000000000000000000000000000000000000000000000000000000000000005"},"curve":[{"epoch":1,"score":4.1,"train_loss":0.7},{"epoch":2,"score":4.1,"train_loss":0.35}],"losses":"0000000000000000000000000000000000000000000000000000000000000004","metrics":{"accuracy":0.6666666666666666,"mse":5e-324},"score":4.1,"seconds":1.5},"reason":"","spec":{"epochs":3,"evaluator":"finetune","learning_rate":0.0003333333333333333,"parent":"","plan":[0,4,4],"seed":0},"worker":"worker"}','51f670644db57d8d8230ce52ca4e42ffb41c6b823e3f64cc1f59d2a3adecd7e6');
INSERT INTO "darse_trials" VALUES('42114b8b470c53321ac0794d7ef413d2','finished',1,NULL,'{"context":"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc","ended":2.0,"outcome":{"artifacts":{"weights":"0000000000000000000000000000000000000000000000000000000000000006"},"curve":[{"epoch":1,"score":5.1,"train_loss":0.7},{"epoch":2,"score":5.1,"train_loss":0.35}],"losses":"0000000000000000000000000000000000000000000000000000000000000005","metrics":{"accuracy":0.6666666666666666,"mse":5e-324},"score":5.1,"seconds":1.5},"reason":"","spec":{"epochs":3,"evaluator":"finetune","learning_rate":0.0003333333333333333,"parent":"","plan":[0,4,5],"seed":0},"worker":"worker"}','0b21f1fa2d9388f5b3138240dd38bbc7d88b6c7f9f260817ba27c549a2abc0e2');
INSERT INTO "darse_trials" VALUES('d244667c4fe62faad00ab1300791c584','finished',1,NULL,'{"context":"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc","ended":2.0,"outcome":{"artifacts":{"weights":"0000000000000000000000000000000000000000000000000000000000000007"},"curve":[{"epoch":1,"score":6.1,"train_loss":0.7},{"epoch":2,"score":6.1,"train_loss":0.35}],"losses":"0000000000000000000000000000000000000000000000000000000000000006","metrics":{"accuracy":0.6666666666666666,"mse":5e-324},"score":6.1,"seconds":1.5},"reason":"","spec":{"epochs":3,"evaluator":"finetune","learning_rate":0.0003333333333333333,"parent":"","plan":[0,4,6],"seed":0},"worker":"worker"}','568590cd0a41b633254018a0e64fef2123924fa3beb1cd7c35493ad756422c55');
INSERT INTO "darse_trials" VALUES('938ed791b7394323453bb3c724aa3fb6','finished',1,NULL,'{"context":"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc","ended":2.0,"outcome":{"artifacts":{"weights":"0000000000000000000000000000000000000000000000000000000000000008"},"curve":[{"epoch":1,"score":7.1,"train_loss":0.7},{"epoch":2,"score":7.1,"train_loss":0.35}],"losses":"0000000000000000000000000000000000000000000000000000000000000007","metrics":{"accuracy":0.6666666666666666,"mse":5e-324},"score":7.1,"seconds":1.5},"reason":"","spec":{"epochs":3,"evaluator":"finetune","learning_rate":0.0003333333333333333,"parent":"","plan":[0,4,7],"seed":0},"worker":"worker"}','83566511ef7a94730ef1f85ff2f37e03d783211a7d9f7f045ce1181882257599');
INSERT INTO "darse_trials" VALUES('f59338f2ea96865b41dd68aaf01e3744','finished',1,NULL,'{"context":"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc","ended":2.0,"outcome":{"artifacts":{"weights":"0000000000000000000000000000000000000000000000000000000000000009"},"curve":[{"epoch":1,"score":8.1,"train_loss":0.7},{"epoch":2,"score":8.1,"train_loss":0.35}],"losses":"0000000000000000000000000000000000000000000000000000000000000008","metrics":{"accuracy":0.6666666666666666,"mse":5e-324},"score":8.1,"seconds":1.5},"reason":"","spec":{"epochs":3,"evaluator":"finetune","learning_rate":0.0003333333333333333,"parent":"","plan":[0,4,8],"seed":0},"worker":"worker"}','4feb22d0ef8e8ff00c5067ccd8a518d8b46cd13699cd0ca707ee8ffe2195dc95');
INSERT INTO "darse_trials" VALUES('f87f66ebda260b5b1d5653757fd59665','failed',1,NULL,'{"context":"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc","ended":3.0,"outcome":null,"reason":"the loss became infinite","spec":{"epochs":3,"evaluator":"finetune","learning_rate":0.0003333333333333333,"parent":"","plan":[0,4,9],"seed":0},"worker":"worker"}','df0346ebed726b14c191c709398787d6123dba9fac5238e459958f4d6179bbea');
INSERT INTO "darse_trials" VALUES('a770515b923318ddf12d8e510c8c6444','queued',1,11.0,'{"context":"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc","ended":null,"outcome":null,"reason":"","spec":{"epochs":3,"evaluator":"finetune","learning_rate":0.0003333333333333333,"parent":"","plan":[0,4,10],"seed":0},"worker":"worker"}','b5167f6b1ee8768b44b990591014443c0b52524cc71c9e2c1f3160fe81ffd93b');
INSERT INTO "darse_trials" VALUES('d96016798cfff4ac2d168f476cf2a644','queued',0,NULL,'{"context":"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc","ended":null,"outcome":null,"reason":"","spec":{"epochs":3,"evaluator":"finetune","learning_rate":0.0003333333333333333,"parent":"","plan":[0,4,11],"seed":0},"worker":""}','406fb37d40bb0c33600f2b725b36e55405bb3e41d2c3d3a2d4d51f4dc40b4c09');
CREATE TABLE darse_usual (
	adapter VARCHAR(64) NOT NULL, 
	body TEXT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	PRIMARY KEY (adapter)
);
CREATE TABLE darse_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT darse_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "darse_version" VALUES('0004');
CREATE INDEX ix_darse_served_time ON darse_served (time);
CREATE INDEX ix_darse_served_key ON darse_served ("key");
CREATE INDEX ix_darse_feedback_key ON darse_feedback ("key");
CREATE INDEX ix_darse_cells_data ON darse_cells (data);
CREATE INDEX ix_darse_baselines_name ON darse_baselines (name);
COMMIT;
